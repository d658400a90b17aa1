package live

import (
	"golang.org/x/sys/unix"
)

// output writes what is in flight for a session with one system call. A writer
// uses one for all its sessions, so that nothing is allocated per write.
type output struct {
	vector [][]byte // what the system call is given
	joined []byte   // room to copy small pieces together; none for a parked session, which waits anyway

	// Of the attempt of writeWhenReady.
	n         int
	err       error
	attempted bool
	attempt   func(fd uintptr) (done bool)
}

// joinMost is up to how many bytes in several pieces are copied together, which
// costs less than to tell the kernel about each.
const joinMost = 4 << 10

func newOutput(joined []byte) *output {
	o := &output{joined: joined}
	o.attempt = o.attemptOnce
	return o
}

// writeNow makes one attempt at what is in flight for s. unix.EAGAIN says that the
// socket is full, or that it can only be written by waiting for it (TLS). The
// writer calls it.
func (o *output) writeNow(s *session) (int, error) {
	if s.fd.fd == noDescriptor {
		return 0, unix.EAGAIN
	}
	if !s.fd.enter() {
		return 0, errClosed
	}
	o.load(s.inFlight)
	n, err := writev(int(s.fd.fd), o.vector)
	clear(o.vector)
	if s.fd.leave() {
		_ = s.sock.Conn.Close()
	}
	return n, err
}

// vectorMost is how many runs of bytes one system call takes at most; the
// kernel's own bound is 1024 (IOV_MAX).
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

// join makes one run of bytes of several.
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

// attemptOnce is what the network poller calls: at once, and again when a full
// socket has room. What was loaded is out of date by then, so the second call
// writes nothing.
func (o *output) attemptOnce(fd uintptr) (done bool) {
	if o.attempted {
		return true
	}
	o.attempted = true
	o.n, o.err = writev(int(fd), o.vector)
	return o.err != unix.EAGAIN
}
