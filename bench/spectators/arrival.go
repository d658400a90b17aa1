package spectators

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/bench/internal/latency"
)

// stampEvery selects the clients whose reads are timed: every 17th of the fast clients
// that check. It is a prime, because events and source addresses alternate among the
// clients, and the sample must contain all of them.
const stampEvery = 17

// arrivals measures how long positions wait in the sockets of the sampled clients:
// from the kernel's time stamp of the newest bytes of a read until that read is
// parsed. If one read brings several segments, the positions of the earlier ones
// have waited longer than that, at most since the previous read, which emptied the
// socket. So the wait is too short for a client that is behind. Its latency, which
// is counted from "at", is right.
//
// Over loopback, bytes arrive during the server's write. From another machine, the
// time in the network is before the stamp. The stamp and the clock are both
// CLOCK_REALTIME of this machine. Other sockets pay nothing measurable: the kernel
// reads its clock once per packet for all sockets.
type arrivals struct {
	control []byte            // control messages of the kernel
	waits   latency.Histogram // µs, one value per position of the measured time
	odd     int64             // reads left out because the clock was set meanwhile
}

func newArrivals() arrivals {
	return arrivals{control: make([]byte, unix.CmsgSpace(stampSize)), waits: latency.New()}
}

// sampled decides whether the reads of a new client are timed: those of the first
// fast client that checks, and of every stampEvery-th after it. A slow client waits
// by design.
func (s *Group) sampled(k *client) bool {
	if k.slow || k.skips {
		return false
	}
	n := s.fast
	s.fast++
	return n%stampEvery == 0
}

// stamp asks the kernel for the arrival times of a socket's bytes, and reports
// whether it provides them.
func stamp(fd int) bool {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1) == nil
}

// receive reads once, or lets the kernel discard what there is to read. arrived is
// the arrival time of the newest bytes, in ns since the Unix epoch. It is 0 if the
// client is not sampled or the kernel has no time stamp: stamping begins a moment
// after the first socket has asked for it. A sampled read allocates one object, in
// Recvmsg.
func (s *Group) receive(k *client, b []byte) (n int, arrived int64, err error) {
	switch {
	case k.discards():
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

// stampSize is the size of a time stamp: 64-bit seconds and nanoseconds.
const stampSize = 16

// arrival is the time stamp in the control messages of a read, 0 if there is none.
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

// parsed counts the wait of a read that has brought n positions of the measured
// time. If the wait is negative or out of range, the clock was set.
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
