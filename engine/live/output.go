package live

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// output writes a session's front with one system call. It is reused for every
// session of a writer, so that nothing is allocated per write.
type output struct {
	iov [][]byte
	n   int
	err error

	joined []byte // room for what is copied together; none for those who wait anyway

	tried bool
	wait  func(fd uintptr) bool // one attempt; if the socket is full, back when it no longer is
}

// joinMost is up to how many bytes in several pieces are copied together, which
// is cheaper than to tell the kernel about each.
const joinMost = 4 << 10

func (o *output) init() {
	// What was loaded is stale by the time the socket has room again, so the
	// second call returns without writing it.
	o.wait = func(fd uintptr) bool {
		if o.tried {
			return true
		}
		o.tried = true
		o.write(fd)
		return o.err != unix.EAGAIN
	}
}

func (o *output) write(fd uintptr) {
	for {
		if len(o.iov) == 1 {
			o.n, o.err = unix.Write(int(fd), o.iov[0])
		} else {
			o.n, o.err = unix.Writev(int(fd), o.iov)
		}
		if o.err != unix.EINTR {
			return
		}
	}
}

// now makes one attempt at the session's front. The session's gate has been
// entered.
func (o *output) now(s *session) (int, error) {
	o.load(s)
	o.write(uintptr(s.gate.fd))
	clear(o.iov)
	return o.n, o.err
}

// vectorMost is how many runs of bytes one system call takes at most; the
// kernel's own bound is 1024 (IOV_MAX).
const vectorMost = 512

// load puts the session's front into the vector, as much of it as fits.
func (o *output) load(s *session) {
	o.iov = o.iov[:0]
	size := 0
	for i := range s.front {
		if len(o.iov) >= vectorMost {
			return
		}
		it := &s.front[i]
		head, body := it.ch.Head(), it.ch.Body()
		off, end := it.off, it.end
		size += end - off
		if off < len(head) {
			o.iov = append(o.iov, head[off:min(end, len(head))])
		}
		if end > len(head) {
			o.iov = append(o.iov, body[max(0, off-len(head)):end-len(head)])
		}
	}
	if len(o.iov) > 1 && size <= len(o.joined) {
		o.join()
	}
}

// join makes one piece of several.
func (o *output) join() {
	n := 0
	for _, b := range o.iov {
		n += copy(o.joined[n:], b)
	}
	clear(o.iov)
	o.iov = append(o.iov[:0], o.joined[:n])
}

// awaited writes the session's front, or waits until the socket has room.
func (o *output) awaited(s *session) (int, error) {
	o.load(s)
	o.n, o.err, o.tried = 0, nil, false
	err := s.sock.raw.Write(o.wait)
	clear(o.iov)
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

// park takes a session off the writer and waits for its socket on a goroutine
// of its own.
func (w *writer) park(s *session) {
	s.conn.Park()
	s.waiting.Store(waitBytes)
	w.srv.m.parked.Inc()
	w.srv.parked.Go(func() {
		defer w.srv.m.parked.Dec()
		w.srv.drain(s)
	})
}

// drain writes a parked session's queue until the socket has taken all of it,
// then gives the session back to its writer. Each step must be taken within
// the write time-out.
func (srv *Server) drain(s *session) {
	var o output
	var t tally
	o.init()
	for !s.over && s.fill() {
		if s.outdated() && s.conn.Lag() {
			srv.m.expiries.Inc()
			continue // fill drops it
		}
		_ = s.sock.Conn.SetWriteDeadline(time.Now().Add(srv.opts.WriteTimeout))
		n, err := o.block(s)
		if err != nil {
			if isTimeout(err) {
				s.close(4408, "write timed out")
			}
			s.drop()
			break
		}
		t.wrote(n, srv.core)
		s.advance(n, &t)
		t.publish(srv.m) // the next may have to wait long
	}
	if !s.over {
		_ = s.sock.Conn.SetWriteDeadline(time.Time{})
	}
	s.waiting.Store(0)
	s.conn.Unpark()
}

// outdated reports whether what is to be written next has waited for the socket
// for so long that newer positions are worth more. The window in force comes on
// top, so that nobody is conflated for what stretched it. A snapshot in front is
// never too old: who takes it slowly must get on.
func (s *session) outdated() bool {
	bound := s.srv.opts.RingMaxAge
	if bound <= 0 {
		return false
	}
	sealed := s.oldest()
	return sealed != 0 && s.srv.core.Now()-sealed > int64(bound+s.srv.core.Window())
}

// oldest is when the first chunk was sealed of which no byte is written, 0
// when that is none of the live flow. One that is begun is finished to the end
// of a frame only.
func (s *session) oldest() int64 {
	for i := range s.front {
		if it := &s.front[i]; !it.free && (it.off == 0 || it.ch.Live()) {
			return it.ch.Sealed()
		}
	}
	return 0
}

// block waits until the socket has taken something, or has room to.
func (o *output) block(s *session) (int, error) {
	if s.sock.raw != nil {
		return o.awaited(s)
	}
	return o.blockTLS(s)
}

// tlsRecord is the longest plaintext of a TLS record (RFC 8446, section 5.1).
const tlsRecord = 16 << 10

var records = sync.Pool{New: func() any { return new([tlsRecord]byte) }}

// blockTLS writes one record: it is written whole or the connection is lost,
// and what was not written yet can still be dropped when the client is slow.
func (o *output) blockTLS(s *session) (int, error) {
	o.load(s)
	record := records.Get().(*[tlsRecord]byte)
	defer records.Put(record)
	n := 0
	for _, b := range o.iov {
		n += copy(record[n:], b)
	}
	clear(o.iov)
	s.waiting.Store(s.sock.waitCost(n))
	defer s.waiting.Store(waitBytes)
	return s.sock.Conn.Write(record[:n])
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
