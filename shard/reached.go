package shard

import (
	"slices"
	"sync/atomic"
)

// reached is how far a shard has come. The shard writes it at the end of a turn, any
// goroutine reads it. Each field is atomic by itself. A reader that sees taken sees what
// the turn has put into the rings or has made due: both come before it.
type reached struct {
	delivered atomic.Uint64 // batches, counted before the shard gets them
	taken     atomic.Uint64 // batches taken in
	heldFrom  atomic.Int64  // arrival, by the server's clock, from which on something is held back; never if nothing is
	latest    atomic.Int64  // the latest time that was shown, ms
}

// publishReached ends a turn, which has taken in a batch or not.
func (w *worker) publishReached(batch bool) {
	if w.latest != w.reached.latest.Load() {
		w.reached.latest.Store(w.latest)
	}
	if batch {
		w.reached.taken.Add(1)
	}
}

// publishHeld publishes the arrival of the first position that is held back.
func (w *worker) publishHeld(from int64) {
	if from != w.reached.heldFrom.Load() {
		w.reached.heldFrom.Store(from)
	}
}

// Delivered appends to dst how many batches each shard was given so far. Any goroutine
// may call it.
func (c *Core) Delivered(dst []uint64) []uint64 {
	dst = slices.Grow(dst, len(c.workers))
	for _, w := range c.workers {
		dst = append(dst, w.reached.delivered.Load())
	}
	return dst
}

// TakenIn reports whether every shard has taken in what it was given up to a result of
// Delivered. Any goroutine may call it.
func (c *Core) TakenIn(delivered []uint64) bool {
	for i, w := range c.workers {
		if w.reached.taken.Load() < delivered[i] {
			return false
		}
	}
	return true
}

// HeldFrom is the arrival, in ms by the Redis server's clock, of the first position that
// is held back because its device is beyond its limit. It is later than any arrival if
// nothing is held back. Any goroutine may call it.
func (c *Core) HeldFrom() int64 {
	from := int64(never)
	for _, w := range c.workers {
		from = min(from, w.reached.heldFrom.Load())
	}
	return from
}

// ShowsFuture reports whether a position is shown under a time that has not come yet, by
// the Redis server's clock and more than FutureTolerance. Any goroutine may call it.
func (c *Core) ShowsFuture() bool {
	latest := int64(0)
	for _, w := range c.workers {
		latest = max(latest, w.reached.latest.Load())
	}
	return latest > c.ServerTime()+c.tolerance+1000
}

// Behind reports whether the connection has lost something that its recovery has not
// brought yet. Any goroutine may call it.
func (c *Conn) Behind() bool { return c.Lagged() || c.recovering.Load() }
