package live

import (
	"context"
	"time"

	"pitwall/shard"
)

// Bounds of one turn: what one system call is given at most.
const (
	turnItems = 64
	turnBytes = 1 << 20
)

// gatherTime bounds how long a writer waits after an instant for the shards
// that have not passed it yet, so that a connection gets their chunks in one
// write.
const gatherTime = 3 * time.Millisecond

// item is a chunk in the writer's hands: bytes from off to end are still to be
// written.
type item struct {
	ch       *shard.Chunk
	off, end int
	free     bool // did not come through the ring: not on the connection's account
}

// writer drains one run queue.
type writer struct {
	srv   *Server
	queue *shard.RunQueue
	out   output
	tally tally
	sweep *sweep
	seen  int64 // the newest instant gathered for
}

func (w *writer) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-w.queue.Wakeups():
		case <-ctx.Done():
			return
		}
		w.gather(ctx, timer)
		w.sweep.begin(w.srv.core.Now())
		for c := w.queue.Take(); c != nil; c = w.queue.Take() {
			for ; c != nil; c = w.each(c) {
			}
			w.tally.publish(w.srv.m)
		}
		w.sweep.end(w.srv.core.Now())
	}
}

// each gives a connection its turn and returns the next of the list.
func (w *writer) each(c *shard.Conn) *shard.Conn {
	next := shard.NextConn(c) // before the turn: after it c may be queued again
	w.turn(c.Owner.(*session))
	return next
}

// gather waits until every shard has passed the newest instant.
func (w *writer) gather(ctx context.Context, timer *time.Timer) {
	instant := w.queue.Instant()
	if instant <= w.seen {
		return
	}
	w.seen = instant
	core := w.srv.core
	w.queue.Gather(true)
	defer w.queue.Gather(false)
	timer.Reset(gatherTime)
	for !core.Passed(instant) {
		select {
		case <-w.queue.Wakeups():
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// turn writes what a connection has queued, with one system call.
func (w *writer) turn(s *session) {
	if !s.over && s.fill() {
		if s.sock.raw == nil {
			w.park(s)
			return
		}
		n, full, err := w.out.do(s, w.out.once)
		if err != nil {
			s.drop()
		} else {
			w.tally.wrote(n)
			s.advance(n, &w.tally)
		}
		if !s.over && (full || len(s.front) > 0) {
			w.park(s)
			return
		}
	}
	if s.rest() {
		s.conn.Unpark()
	}
}

// fill moves what is queued into front, up to the bounds of a turn, dropping
// what a lagged connection may lose. It reports whether there is something to
// write.
func (s *session) fill() bool {
	if last := s.sock.last.Load(); last != nil {
		return s.fillLast(last)
	}
	if s.conn.Lagged() {
		s.forget()
	}
	if s.opened {
		s.takePong()
	}
	size := 0
	for i := range s.front {
		size += s.front[i].end - s.front[i].off
	}
	for len(s.front) < turnItems && size < turnBytes {
		ch := s.conn.Take()
		if ch == nil {
			break
		}
		s.front = append(s.front, item{ch: ch, end: ch.Len()})
		size += ch.Len()
	}
	if !s.opened {
		s.takePong() // behind the answer to the handshake
	}
	return len(s.front) > 0
}

// takePong puts the answer to the last ping in front of what is to come.
func (s *session) takePong() {
	if p := s.pong.Swap(nil); p != nil {
		s.front = append(s.front, item{p, 0, p.Len(), true})
	}
}

// forget drops what may be dropped of a lagged connection, in its order. Of
// the frame begun the rest stays.
func (s *session) forget() {
	kept := s.front[:0]
	for _, it := range s.front {
		kept = s.keep(kept, it)
	}
	clear(s.front[len(kept):])
	s.front = kept
	for ch := s.conn.Take(); ch != nil; ch = s.conn.Take() {
		s.front = s.keep(s.front, item{ch: ch, end: ch.Len()})
	}
}

func (s *session) keep(kept []item, it item) []item {
	end := it.ch.FrameEnd(it.off)
	if it.free || it.end <= end || !s.losses.Drop(it.ch, end) {
		return append(kept, it) // whole, or cut before
	}
	if it.end = end; it.off < it.end {
		return append(kept, it)
	}
	s.conn.Done(it.ch)
	return kept
}

// fillLast leaves the frame begun and the close frame, nothing else. A client
// whose first frames end the connection still gets the answer to its handshake.
func (s *session) fillLast(last *shard.Chunk) bool {
	if n := len(s.front); n > 0 && s.front[n-1].ch == last {
		return true // done before; the socket took a part
	}
	if ch := s.first(); ch != nil {
		s.front = append(s.front, item{ch: ch, end: ch.Len()})
	}
	kept := s.front[:0]
	for i, it := range s.front {
		if i > 0 || s.opened {
			it.end = min(it.end, it.ch.FrameEnd(it.off))
		}
		switch {
		case it.off < it.end:
			kept = append(kept, it)
		case !it.free:
			s.conn.Done(it.ch)
		}
	}
	clear(s.front[len(kept):])
	s.conn.Close()
	s.front = append(kept, item{last, 0, last.Len(), true})
	return true
}

// first takes the answer to the handshake, which is the first chunk of every
// connection, if it was not taken so far.
func (s *session) first() *shard.Chunk {
	if s.opened || len(s.front) > 0 {
		return nil
	}
	return s.conn.Take()
}

// advance takes n written bytes off front.
func (s *session) advance(n int, t *tally) {
	i := 0
	for ; i < len(s.front) && n >= s.front[i].end-s.front[i].off; i++ {
		it := &s.front[i]
		n -= it.end - it.off
		s.opened = true
		if it.end == it.ch.Len() {
			t.delivered(it.ch)
		}
		if !it.free {
			s.conn.Done(it.ch)
		}
		if it.ch == s.sock.last.Load() {
			s.over = true
			close(s.flushed)
		}
	}
	if i == len(s.front) {
		s.front = s.spare()
		return
	}
	s.front[i].off += n
	rest := copy(s.front, s.front[i:])
	clear(s.front[rest:])
	s.front = s.front[:rest]
}

// spare empties front, keeping its memory only while it is small.
func (s *session) spare() []item {
	clear(s.front)
	if cap(s.front) > 4 {
		return nil
	}
	return s.front[:0]
}

// rest ends a turn with nothing left to write. It returns true when there is
// more to do.
func (s *session) rest() bool {
	if s.over {
		s.discard()
		return s.conn.Rest()
	}
	if s.stalled.Load() && s.stalled.CompareAndSwap(true, false) {
		s.schedule()
	}
	if s.conn.Lagged() {
		s.conn.Shrink()
		s.conn.Recover(&s.losses)
	}
	if s.conn.Rest() {
		return true
	}
	// The pong and the close frame do not go through the ring: look again, now
	// that whoever brings one finds the connection idle.
	if s.pong.Load() != nil || s.sock.last.Load() != nil {
		s.conn.Schedule()
	}
	return false
}

// drop ends a connection whose socket has failed.
func (s *session) drop() {
	s.over = true
	s.cut()
}

// discard lets go of what a connection that is over still has, so that the
// chunks go home.
func (s *session) discard() {
	for _, it := range s.front {
		if !it.free {
			s.conn.Done(it.ch)
		}
	}
	s.front = nil
	for ch := s.conn.Take(); ch != nil; ch = s.conn.Take() {
		s.conn.Done(ch)
	}
}
