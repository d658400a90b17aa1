package live

import (
	"cmp"
	"os"
	"sync"
	"time"

	"pitwall/shard"
)

// park takes a session off its writer, and has a goroutine of its own write until the
// socket has taken everything.
func (w *writer) park(s *session, p shard.Parked) {
	s.waiting.Store(waitBytes)
	w.srv.m.parked.Inc()
	w.srv.parked.Go(func() {
		defer w.srv.m.parked.Dec()
		w.srv.writeParked(s, p)
	})
}

// writeParked is the goroutine of a parked session, which it gives back to its writer in
// the end. The socket has to take something within each write timeout.
func (srv *Server) writeParked(s *session, p shard.Parked) {
	o := newOutput(nil)
	var t tally
	parked := srv.core.Now()
	for s.phase != sendEnded && s.fill(p.Consumer) {
		if s.tooOld() && p.MarkLagged() {
			srv.m.expiries.Inc()
			continue // fill drops it
		}
		s.waitsSince.Store(cmp.Or(s.nextSealed(), parked))
		_ = s.sock.Conn.SetWriteDeadline(time.Now().Add(srv.opts.WriteTimeout))
		n, err := o.writeWaiting(s)
		if err != nil {
			if os.IsTimeout(err) {
				s.close(4408, "write timed out")
			}
			s.socketFailed()
			break
		}
		t.wrote(n, srv.core)
		s.written(n, p.Consumer, &t)
		if n > 0 {
			parked = srv.core.Now()
		}
		t.publish(srv.m) // the next write may have to wait long
	}
	if s.phase != sendEnded {
		_ = s.sock.Conn.SetWriteDeadline(time.Time{})
	}
	s.waitsSince.Store(0)
	s.waiting.Store(0)
	p.Unpark()
}

// tooOld reports whether the next chunk has waited for the socket for longer than
// RingMaxAge, so that newer positions are worth more. The window in force is added, so
// that nobody loses positions because the window became longer. A snapshot is never too
// old: a client that reads it slowly must still get all of it.
func (s *session) tooOld() bool {
	limit := s.srv.opts.RingMaxAge
	if limit <= 0 {
		return false
	}
	sealed := s.nextSealed()
	return sealed != 0 && s.srv.core.Now()-sealed > int64(limit+s.srv.core.Window())
}

// nextSealed is when the next chunk was sealed, in ns of the core's clock; 0 if it is not
// a live chunk. A live chunk that is partly written counts, because all but the rest of
// its current frame can be dropped. Other chunks that are partly written are skipped.
func (s *session) nextSealed() int64 {
	for i := range s.inFlight {
		if p := &s.inFlight[i]; !p.direct && (p.off == 0 || p.ch.Live()) {
			return p.ch.Sealed()
		}
	}
	return 0
}

// tlsRecord is the longest plaintext of a TLS record (RFC 8446, section 5.1).
const tlsRecord = 16 << 10

var records = sync.Pool{New: func() any { return new([tlsRecord]byte) }}

// writeTLS writes one record. A record that has begun must be written whole, so writing
// one at a time leaves as much as possible to drop if the client is slow.
func (o *output) writeTLS(s *session) (int, error) {
	return o.writeRecord(s, s.sock.waitCost)
}

// writeRecord writes up to tlsRecord bytes through the net.Conn, and waits until all of
// them are taken. cost is the memory of a goroutine that writes n bytes so.
func (o *output) writeRecord(s *session, cost func(n int) int64) (int, error) {
	o.load(s.inFlight)
	record := records.Get().(*[tlsRecord]byte)
	defer records.Put(record)
	n := 0
	for _, b := range o.vector {
		n += copy(record[n:], b)
	}
	clear(o.vector)
	s.waiting.Store(cost(n))
	defer s.waiting.Store(waitBytes)
	return s.sock.Conn.Write(record[:n])
}
