package live

import (
	"golang.org/x/sys/unix"
)

// output writes what is in flight for a session with one system call. A writer
// uses one for all its sessions, so that nothing is allocated per write.
type output struct {
	vector [][]byte // what the system call is given
	joined []byte   // room to copy small pieces together; nil for a parked session, which is slow anyway

	// Of the attempt of writeWhenReady.
	n         int
	err       error
	attempted bool
	attempt   func(fd uintptr) (done bool)
}

// joinMost is the most bytes, in total, for which pieces are copied together. Up to that,
// a copy costs less than passing each piece to the kernel.
const joinMost = 4 << 10

func newOutput(joined []byte) *output {
	o := &output{joined: joined}
	o.attempt = o.attemptOnce
	return o
}

// vectorMost is how many runs of bytes one system call is given at most. The kernel's
// own bound is 1024 (IOV_MAX).
const vectorMost = 512

// load puts pieces into the vector, as many as fit.
func (o *output) load(pieces []piece) {
	o.vector = o.vector[:0]
	size := 0
	for i := range pieces {
		if len(o.vector) >= vectorMost {
			return
		}
		p := &pieces[i]
		head, body := p.ch.Head(), p.ch.Body()
		size += p.end - p.off
		if p.off < len(head) {
			o.vector = append(o.vector, head[p.off:min(p.end, len(head))])
		}
		if p.end > len(head) {
			o.vector = append(o.vector, body[max(0, p.off-len(head)):p.end-len(head)])
		}
	}
	if len(o.vector) > 1 && size <= len(o.joined) {
		o.join()
	}
}

// join copies all runs of the vector into one.
func (o *output) join() {
	n := 0
	for _, b := range o.vector {
		n += copy(o.joined[n:], b)
	}
	clear(o.vector)
	o.vector = append(o.vector[:0], o.joined[:n])
}

// writev is write(2) or writev(2).
func writev(fd int, vector [][]byte) (n int, err error) {
	for {
		if len(vector) == 1 {
			n, err = unix.Write(fd, vector[0])
		} else {
			n, err = unix.Writev(fd, vector)
		}
		if err != unix.EINTR {
			return n, err
		}
	}
}

// writeWhenReady writes what is in flight for s or, if its socket is full, waits
// until it has room, and returns 0. The goroutine of a parked session calls it.
func (o *output) writeWhenReady(s *session) (int, error) {
	o.load(s.inFlight)
	o.n, o.err, o.attempted = 0, nil, false
	err := s.sock.raw.Write(o.attempt)
	clear(o.vector)
	switch {
	case err != nil:
		return 0, err
	case o.err == unix.EAGAIN:
		return 0, nil
	case o.err != nil:
		return 0, o.err
	}
	return o.n, nil
}

// attemptOnce is called by the network poller: at once, and again when a full socket has
// room. The second call writes nothing: what was loaded may be out of date by then.
func (o *output) attemptOnce(fd uintptr) (done bool) {
	if o.attempted {
		return true
	}
	o.attempted = true
	o.n, o.err = writev(int(fd), o.vector)
	return o.err != unix.EAGAIN
}
