package shard

import (
	"math/rand/v2"
	"time"
)

// piece is a chunk in the writer's hands: bytes from off to end are still to
// be written.
type piece struct {
	ch       *Chunk
	off, end int
}

// turn is what engine/live does with a connection, over a socket that takes what
// the spectator reads.
func (s *spectator) turn(rng *rand.Rand) {
	if !s.conn.Closed() && s.fill(rng) && !s.take(s.accepts(rng)) {
		own := rand.New(rand.NewPCG(rng.Uint64(), 1))
		parked := s.conn.active().Park()
		s.c.parked.Go(func() { s.drain(own, parked) })
		return
	}
	if s.rest() {
		s.conn.active().Requeue()
	}
}

// drain is a parked connection's goroutine: the socket takes a little at a time.
func (s *spectator) drain(rng *rand.Rand, parked Parked) {
	for !s.conn.Closed() && s.fill(rng) {
		if s.outdated() && parked.MarkLagged() {
			s.c.tally.expiries.Add(1)
			continue // fill drops it
		}
		s.c.progress.wait(rng.IntN(1 + s.stalls))
		s.take(s.accepts(rng))
	}
	parked.Unpark()
}

// accepts returns how many bytes the socket takes in this turn.
func (s *spectator) accepts(rng *rand.Rand) int {
	if s.reads == 0 || rng.IntN(4) == 0 {
		return 1 << 30
	}
	return rng.IntN(s.reads)
}

// outdated reports whether what comes next has waited for the socket too long.
func (s *spectator) outdated() bool {
	if s.maxAge == 0 {
		return false
	}
	for _, it := range s.unwritten {
		if it.off == 0 || it.ch.Live() {
			sealed := it.ch.Sealed()
			return sealed != 0 && s.c.core.Now()-sealed > int64(s.maxAge+s.c.core.Window())
		}
	}
	return false
}

// fill takes some chunks out of the ring, having dropped what may be dropped of
// a lagged connection.
func (s *spectator) fill(rng *rand.Rand) bool {
	if s.conn.Lagged() {
		s.forget()
	}
	for most := 1 + rng.IntN(8); len(s.unwritten) < most; {
		ch := s.conn.consumer().Take()
		if ch == nil {
			break
		}
		s.unwritten = append(s.unwritten, piece{ch, 0, ch.Len()})
	}
	return len(s.unwritten) > 0
}

func (s *spectator) forget() {
	s.noteLoss()
	queued := s.unwritten
	for ch := s.conn.consumer().Take(); ch != nil; ch = s.conn.consumer().Take() {
		queued = append(queued, piece{ch, 0, ch.Len()})
	}
	s.unwritten = nil
	for _, it := range queued {
		end := it.ch.FrameEnd(it.off)
		if it.end > end && s.losses.Drop(it.ch, end) {
			it.end = end
			s.c.tally.dropped.Add(1)
		}
		if it.off < it.end {
			s.unwritten = append(s.unwritten, it)
		} else {
			s.conn.consumer().Release(it.ch)
		}
	}
}

// take has the spectator read up to n bytes; false when some are left.
func (s *spectator) take(n int) bool {
	for len(s.unwritten) > 0 && n > 0 {
		it := &s.unwritten[0]
		bytes := append(append([]byte(nil), it.ch.Head()...), it.ch.Body()...)
		some := min(n, it.end-it.off)
		s.read(bytes[it.off : it.off+some])
		n -= some
		if it.off += some; it.off == it.end {
			s.conn.consumer().Release(it.ch)
			s.unwritten = s.unwritten[1:]
		}
	}
	return len(s.unwritten) == 0
}

// rest ends a turn with nothing left to write. It returns true when there is
// more to do.
func (s *spectator) rest() bool {
	if s.conn.Closed() {
		for _, it := range s.unwritten {
			s.conn.consumer().Release(it.ch)
		}
		s.unwritten = nil
		for ch := s.conn.consumer().Take(); ch != nil; ch = s.conn.consumer().Take() {
			s.conn.consumer().Release(ch)
		}
		return s.conn.active().Rest()
	}
	if s.conn.Lagged() {
		s.noteLoss()
		s.conn.consumer().Shrink()
		if s.conn.consumer().Recover(&s.losses) {
			s.c.tally.lags.Add(1)
		}
	}
	return s.conn.active().Rest()
}

// habits are how a spectator reads.
type habits struct {
	reads  int           // bytes at a time; 0 for all there is
	stalls int           // batches published during which it may not read
	maxAge time.Duration // what waits longer is not worth writing; 0 for no such bound
}

func someHabits(rng *rand.Rand) (h habits) {
	switch rng.IntN(3) {
	case 0:
		h.reads = 200 + rng.IntN(2000)
	case 1:
		h = habits{reads: 1 + rng.IntN(400), stalls: 1 + rng.IntN(100)}
	}
	if rng.IntN(2) == 0 {
		h.maxAge = time.Duration(1+rng.IntN(100)) * time.Millisecond
	}
	return h
}
