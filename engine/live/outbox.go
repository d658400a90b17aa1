package live

import (
	"sync/atomic"

	"pitwall/shard"
)

// outbox is the sending side of a session: what a turn of the writer needs, apart from
// the connection itself. It is one cache line, the first of the session (see
// TestOutboxIsOneCacheLine). What is not atomic belongs to the consumer: the writer
// in a turn, or the goroutine of a parked session. Only the consumer calls the methods
// below that take a shard.Consumer or Active.
type outbox struct {
	conn *shard.Conn
	fd   fdGuard

	inFlight []piece // taken off the queue, and not written to its end
	phase    sendPhase

	resume     atomic.Bool                 // requests wait until the queue is written; see awaitDrain
	closeFrame atomic.Pointer[shard.Chunk] // set once, by whoever ends the session
	pong       atomic.Pointer[shard.Chunk] // the answer to the newest ping, until the consumer takes it
}

// sendPhase is how far sending has come. The consumer moves it on, never back.
type sendPhase uint8

const (
	sendHandshake sendPhase = iota // the answer to the handshake is not written
	sendFrames                     // frames are written
	sendEnded                      // the close frame was written, or the socket has failed
)

// piece is a chunk in flight: its bytes from off to end are still to be written.
type piece struct {
	ch       *shard.Chunk
	off, end int
	direct   bool // did not come through the queue, so it does not count as queued
}

// fill takes chunks off the queue into what is in flight, up to the bounds of a turn,
// and drops what a lagged connection may lose. It reports whether there is something to
// write.
func (s *session) fill(c shard.Consumer) bool {
	if last := s.closeFrame.Load(); last != nil {
		return s.fillLast(c, last)
	}
	if s.conn.Lagged() {
		s.dropLive(c)
	}
	if s.phase != sendHandshake {
		s.takePong()
	}
	size := 0
	for i := range s.inFlight {
		size += s.inFlight[i].end - s.inFlight[i].off
	}
	for len(s.inFlight) < turnPieces && size < turnBytes {
		ch := c.Take()
		if ch == nil {
			break
		}
		s.inFlight = append(s.inFlight, piece{ch: ch, end: ch.Len()})
		size += ch.Len()
	}
	if s.phase == sendHandshake {
		s.takePong() // after the answer to the handshake
	}
	return len(s.inFlight) > 0
}

// takePong puts the answer to the newest ping next.
func (s *session) takePong() {
	if s.pong.Load() == nil {
		return
	}
	if p := s.pong.Swap(nil); p != nil {
		s.inFlight = append(s.inFlight, piece{p, 0, p.Len(), true})
	}
}

// dropLive drops what a lagged connection may lose, and notes it in s.losses. A frame
// that was written in part stays.
func (s *session) dropLive(c shard.Consumer) {
	kept := s.inFlight[:0]
	for _, p := range s.inFlight {
		kept = s.keepOrDrop(c, kept, p)
	}
	clear(s.inFlight[len(kept):])
	s.inFlight = kept
	for ch := c.Take(); ch != nil; ch = c.Take() {
		s.inFlight = s.keepOrDrop(c, s.inFlight, piece{ch: ch, end: ch.Len()})
	}
}

// keepOrDrop appends to kept what has to be sent of p.
func (s *session) keepOrDrop(c shard.Consumer, kept []piece, p piece) []piece {
	end := p.ch.FrameEnd(p.off)
	if p.direct || p.end <= end || !s.losses.Drop(p.ch, end) {
		return append(kept, p) // it must be sent whole, or was cut before
	}
	if p.end = end; p.off < p.end {
		return append(kept, p)
	}
	s.release(c, p)
	return kept
}

// fillLast leaves nothing in flight but the rest of a frame that was written in part,
// and the close frame. A client whose first frames end the connection still gets the
// answer to its handshake.
func (s *session) fillLast(c shard.Consumer, last *shard.Chunk) bool {
	if n := len(s.inFlight); n > 0 && s.inFlight[n-1].ch == last {
		return true // done in an earlier turn, after which the socket was full
	}
	if s.phase == sendHandshake && len(s.inFlight) == 0 {
		if ch := c.Take(); ch != nil { // the answer is the first chunk of every connection
			s.inFlight = append(s.inFlight, piece{ch: ch, end: ch.Len()})
		}
	}
	kept := s.inFlight[:0]
	for i, p := range s.inFlight {
		if i > 0 || s.phase != sendHandshake {
			p.end = min(p.end, p.ch.FrameEnd(p.off))
		}
		if p.off < p.end {
			kept = append(kept, p)
		} else {
			s.release(c, p)
		}
	}
	clear(s.inFlight[len(kept):])
	s.conn.Close()
	s.inFlight = append(kept, piece{last, 0, last.Len(), true})
	return true
}

// written takes n bytes, which were written, off what is in flight.
func (s *session) written(n int, c shard.Consumer, t *tally) {
	i, chunks, bytes, repaid := 0, 0, 0, 0
	for ; i < len(s.inFlight) && n >= s.inFlight[i].end-s.inFlight[i].off; i++ {
		p := &s.inFlight[i]
		n -= p.end - p.off
		if s.phase == sendHandshake {
			s.phase = sendFrames
		}
		if p.end == p.ch.Len() {
			t.delivered(p.ch)
		}
		if p.ch.Control() {
			repaid += p.ch.Cost()
		}
		if !p.direct {
			chunks++
			bytes += p.ch.Len()
			t.release(p.ch)
		}
		if p.ch == s.closeFrame.Load() {
			s.phase = sendEnded
			close(s.flushed)
		}
	}
	if chunks > 0 {
		c.Uncount(chunks, bytes)
	}
	if repaid > 0 {
		s.replies.Add(-int64(repaid))
	}
	if i == len(s.inFlight) {
		s.inFlight = emptied(s.inFlight)
		return
	}
	s.inFlight[i].off += n
	rest := copy(s.inFlight, s.inFlight[i:])
	clear(s.inFlight[rest:])
	s.inFlight = s.inFlight[:rest]
}

// emptied empties a list. It keeps the memory only if that is small.
func emptied(list []piece) []piece {
	clear(list)
	if cap(list) > 4 {
		return nil
	}
	return list[:0]
}

// rest ends a turn with nothing left to write.
func (s *session) rest(a shard.Active) {
	ended := s.phase == sendEnded
	if ended {
		s.releaseAll(a.Consumer)
	} else {
		s.inFlight = nil
		if s.conn.Lagged() {
			a.Shrink()
			a.Recover(&s.losses)
		}
	}
	if a.Rest() {
		a.Requeue()
	} else if !ended {
		s.lookAgain()
	}
}

// lookAgain looks at what does not go through the queue, after the connection has
// become idle: the pong, the close frame, and requests that wait for the writer.
//
// Memory ordering: a goroutine that adds one of them does so first, and then looks at
// the connection's state, in Conn.Schedule. Here it is the other way round, so one of
// the two sees the other.
func (s *session) lookAgain() {
	if s.pong.Load() != nil || s.closeFrame.Load() != nil {
		s.conn.Schedule()
	}
	if s.resume.Load() && s.resume.CompareAndSwap(true, false) {
		s.schedule()
	}
}

// socketFailed ends a session whose socket has failed.
func (s *session) socketFailed() {
	s.phase = sendEnded
	s.cut()
}

// releaseAll releases the chunks that a session which has ended still has, so that they
// can be used again.
func (s *session) releaseAll(c shard.Consumer) {
	for _, p := range s.inFlight {
		s.release(c, p)
	}
	s.inFlight = nil
	for ch := c.Take(); ch != nil; ch = c.Take() {
		s.release(c, piece{ch: ch})
	}
}

// release releases the chunk of a piece that is not written any more.
func (s *session) release(c shard.Consumer, p piece) {
	if p.ch.Control() {
		s.uncountReply(p.ch)
	}
	if !p.direct {
		c.Release(p.ch)
	}
}
