package shard

import (
	"math"
	"math/rand/v2"
	"time"
)

// turn does what engine/live does in a turn of a connection, with a socket that accepts
// what the spectator reads.
func (s *spectator) turn(rng *rand.Rand) {
	if !s.conn.Closed() && s.refill(rng) && !s.writeSome(rng) {
		own := newRand(rng.Uint64(), 1)
		parked := s.conn.active().Park()
		s.run.parked.Go(func() { s.drain(own, parked) })
		return
	}
	if s.endTurn() {
		s.conn.active().Requeue()
	}
}

// drain is the goroutine of a parked connection: the socket accepts a little at a time.
func (s *spectator) drain(rng *rand.Rand, parked Parked) {
	for !s.conn.Closed() && s.refill(rng) {
		if s.tooOld() && parked.MarkLagged() {
			s.run.counters.expired.Add(1)
			continue // refill drops it
		}
		s.run.progress.wait(rng.IntN(1 + s.pause))
		s.writeSome(rng)
	}
	parked.Unpark()
}

// tooOld reports whether the next bytes have waited for the socket too long.
func (s *spectator) tooOld() bool {
	if s.maxAge == 0 {
		return false
	}
	for _, it := range s.unwritten {
		if it.off == 0 || it.ch.Live() {
			sealed := it.ch.Sealed()
			return sealed != 0 && s.run.core.Now()-sealed > int64(s.maxAge+s.run.core.Window())
		}
	}
	return false
}

// refill takes some chunks off the queue, after dropping what may be dropped for a
// lagged connection. It reports whether there is something to
// write.
func (s *spectator) refill(rng *rand.Rand) bool {
	if s.conn.Lagged() {
		s.noteLoss()
		s.run.counters.dropped.Add(int64(s.dropLost()))
	}
	s.fill(1 + rng.IntN(8))
	return len(s.unwritten) > 0
}

// writeSome writes as many bytes as the socket accepts in this turn. It reports whether
// nothing is left.
func (s *spectator) writeSome(rng *rand.Rand) bool {
	accepted := math.MaxInt
	if s.readSize > 0 && rng.IntN(4) > 0 {
		accepted = rng.IntN(s.readSize)
	}
	s.write(accepted, s.read)
	return len(s.unwritten) == 0
}

// endTurn ends a turn with nothing left to write. It reports whether there is more to
// do.
func (s *spectator) endTurn() bool {
	if s.conn.Closed() {
		for _, it := range s.unwritten {
			s.conn.consumer().Release(it.ch)
		}
		s.unwritten = nil
		takeEach(s.conn, func(*Chunk) {})
		return s.conn.active().Rest()
	}
	if s.conn.Lagged() {
		s.noteLoss()
		s.conn.consumer().Shrink()
		if s.conn.consumer().Recover(&s.losses) {
			s.run.counters.lags.Add(1)
		}
	}
	return s.conn.active().Rest()
}

// reader is how a spectator reads.
type reader struct {
	readSize int           // upper bound of the bytes read at a time, 0 for all there are
	pause    int           // upper bound of the batches that are published between two reads
	maxAge   time.Duration // what has waited longer is not written any more, 0 for no bound
}

func randomReader(rng *rand.Rand) (r reader) {
	switch rng.IntN(3) {
	case 0:
		r.readSize = 200 + rng.IntN(2000)
	case 1:
		r = reader{readSize: 1 + rng.IntN(400), pause: 1 + rng.IntN(100)}
	}
	if rng.IntN(2) == 0 {
		r.maxAge = time.Duration(1+rng.IntN(100)) * time.Millisecond
	}
	return r
}
