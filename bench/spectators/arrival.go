package spectators

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/bench/internal/latency"
)

// stampEvery is how many fast clients that check there are to each whose reads
// are timed. It is a prime, so that all events and source addresses, which
// alternate among the clients, are in the sample.
const stampEvery = 17

// arrivals is how long positions wait in the sockets of the sampled clients:
// from the kernel's stamp of the newest bytes of a read to the moment at which
// that read is parsed. A position that came in an earlier segment of the same
// read has waited longer, by the time between the two segments: nothing as long
// as the client reads each write of the server by itself, and at most the time
// since its previous read, which emptied the socket. So for a client that is
// behind the wait is too short; the latency, from "at", is not.
//
// Over loopback the bytes arrive within the server's write. From another machine
// the network's part is before the stamp. Stamp and clock are both CLOCK_REALTIME
// of this machine. Other sockets pay nothing measurable: the kernel reads its
// clock once per packet, for all sockets.
type arrivals struct {
	control []byte            // control messages of the kernel
	waits   latency.Histogram // µs, one value per position of the measured time
	odd     int64             // reads left out, since the clock was set meanwhile
}

func newArrivals() arrivals {
	return arrivals{control: make([]byte, unix.CmsgSpace(stampSize)), waits: latency.New()}
}

// sampled decides for a new client whether its reads are to be timed: the first
// fast one that checks, and every stampEvery-th from there. A slow one waits by
// design.
func (s *Group) sampled(k *client) bool {
	if k.slow || k.blind {
		return false
	}
	n := s.fast
	s.fast++
	return n%stampEvery == 0
}

// stamp asks the kernel to stamp a socket's bytes with their arrival. It reports
// whether the kernel does.
func stamp(fd int) bool {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1) == nil
}

// receive reads once, or makes the kernel throw away what it would have read.
// arrived is the stamp of the newest bytes, in ns since the Unix epoch. It is 0
// where the client is not sampled, or the kernel has no stamp: stamping begins a
// moment after the first socket has asked for it. A sampled read allocates one
// object, in Recvmsg.
func (s *Group) receive(k *client, b []byte) (n int, arrived int64, err error) {
	switch {
	case k.unread():
		n, _, err = unix.Recvfrom(k.fd, b, unix.MSG_TRUNC)
		return n, 0, err
	case !k.stamped:
		n, err = unix.Read(k.fd, b)
		return n, 0, err
	}
	n, size, _, _, err := unix.Recvmsg(k.fd, b, s.arrivals.control, 0)
	if err != nil {
		return n, 0, err
	}
	return n, arrival(s.arrivals.control[:size]), nil
}

// stampSize is that of a stamp: seconds and nanoseconds, of 64 bits everywhere.
const stampSize = 16

// arrival is the stamp in a read's control messages, 0 when there is none.
func arrival(control []byte) int64 {
	for len(control) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return 0
		}
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SO_TIMESTAMPNS_NEW && len(data) >= stampSize {
			s, ns := int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:]))
			return s*int64(time.Second) + ns
		}
		control = rest
	}
	return 0
}

// parsed counts the wait of a read that brought n positions of the measured
// time. A negative wait, or one beyond the histogram, means that the clock was
// set.
func (a *arrivals) parsed(arrived, n int64) {
	if arrived == 0 || n == 0 {
		return
	}
	wait := time.Duration(time.Now().UnixNano() - arrived)
	if wait < 0 || wait.Microseconds() > latency.Most {
		a.odd++
		return
	}
	a.waits.RecordN(wait.Microseconds(), n)
}
