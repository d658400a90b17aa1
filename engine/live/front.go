package live

import "pitwall/shard"

// item is a chunk in the writer's hands: bytes from off to end are still to be
// written.
type item struct {
	ch       *shard.Chunk
	off, end int
	free     bool // did not come through the ring: not on the connection's account
}

// fill moves what is queued into front, up to the bounds of a turn, dropping
// what a lagged connection may lose. It reports whether there is something to
// write.
func (s *session) fill() bool {
	if last := s.last.Load(); last != nil {
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
	if s.pong.Load() == nil {
		return
	}
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
	s.letGo(it)
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
		default:
			s.letGo(it)
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
	i, chunks, bytes, repaid := 0, 0, 0, 0
	for ; i < len(s.front) && n >= s.front[i].end-s.front[i].off; i++ {
		it := &s.front[i]
		n -= it.end - it.off
		s.opened = true
		if it.end == it.ch.Len() {
			t.delivered(it.ch)
		}
		if it.ch.Control() {
			repaid += it.ch.Cost()
		}
		if !it.free {
			chunks++
			bytes += it.ch.Len()
			t.letGo(it.ch)
		}
		if it.ch == s.last.Load() {
			s.over = true
			close(s.flushed)
		}
	}
	if chunks > 0 {
		s.conn.Settle(chunks, bytes)
	}
	if repaid > 0 {
		s.replies.Add(-int64(repaid))
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

// discard lets go of what a connection that is over still has, so that the
// chunks go home.
func (s *session) discard() {
	for _, it := range s.front {
		s.letGo(it)
	}
	s.front = nil
	for ch := s.conn.Take(); ch != nil; ch = s.conn.Take() {
		s.letGo(item{ch: ch})
	}
}

// letGo ends with an item that is not written.
func (s *session) letGo(it item) {
	if it.ch.Control() {
		s.repay(it.ch)
	}
	if !it.free {
		s.conn.Done(it.ch)
	}
}
