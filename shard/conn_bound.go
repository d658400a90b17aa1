package shard

import (
	"time"

	"pitwall/shard/internal/step"
)

// # When a queue is full
//
// A queue that reaches its bound, in bytes or in chunks, still takes what is
// pushed within one flush window. It is full when it has stayed at the bound for
// longer, which means that it did not come back below between two flushes of its
// topics. So what is due at one moment is taken whole, from all shards and all
// topics, however large the flush or long the window, and a reader that is fast
// enough never lags. Any other holds at most the bound, plus what was due within
// a window and the turn it was pushed in. What it holds is references: the bytes
// are shared.
//
// Memory ordering of Conn.over: it is set by the push that reaches the bound, or
// by one that finds the bound reached and over not set yet. It is set back to 0
// by whoever takes the queue below the bound. Both happen after the addition to
// queued that shows it, so over may be older than queued for a moment. A push in
// that moment takes the queue for one that has just reached its bound, and lets
// one chunk in that could have been refused. The error never goes the other way
// for a queue that was below the bound within the window: the goroutine that took
// it there has set over back, or is about to after more than a window. A count
// that a push adds and takes away again, because the stream has changed, looks
// like a chunk that was pushed and written.

// Conn.queued counts chunks in its high bits and bytes in the low ones, so that
// one addition changes both.
const (
	queuedSlot  = 1 << 44
	queuedBytes = queuedSlot - 1
)

// leastFlush is how far the pushes of one flush may lie apart where the window
// is shorter: the shards do not take their turns at the same moment.
const leastFlush = 2 * time.Millisecond

// offer pushes a live chunk. It refuses if the connection is closed, lags, is
// found full (which marks it as lagged), or is in another epoch than the one
// given: a recovery has opened it, and the shard that calls has not carried that
// out. The shards call it.
//
// Memory ordering: offer counts the chunk, then looks at the stream again;
// Recover looks at the count, then opens the stream. One of the two sees the
// other, so nothing that was let in before a recovery is pushed after it.
func (c *Conn) offer(ch *Chunk, epoch uint32) (taken bool) {
	if c.stream.Load() != epoch {
		return false
	}
	step.Point()
	mine := queuedSlot + uint64(ch.Len())
	after := c.queued.Add(mine)
	step.Point()
	if c.stream.Load() == epoch {
		if c.hasRoom(after-mine, after) {
			c.ring.Push(ch)
			return true
		}
		c.markLagged()
	}
	c.uncount(mine)
	return false
}

// admit pushes whatever the bounds say: for what is bounded by a rule of its own
// (snapshot parts, replies). Any goroutine may call it.
func (c *Conn) admit(ch *Chunk) {
	mine := queuedSlot + uint64(ch.Len())
	after := c.queued.Add(mine)
	c.hasRoom(after-mine, after) // notes when the bound was reached
	c.ring.Push(ch)
}

// hasRoom reports whether there is room for a push that has taken the queue from
// before to after.
func (c *Conn) hasRoom(before, after uint64) bool {
	return !c.atBound(after) || c.withinFlush(before)
}

// withinFlush reports whether a queue that a push has taken to its bound, or
// beyond, has been there for less than a flush window.
func (c *Conn) withinFlush(before uint64) bool {
	now := c.core.now()
	step.Point()
	since := c.over.Load()
	if since == 0 || !c.atBound(before) {
		step.Point()
		c.over.Store(now)
		return true
	}
	return now-since < max(c.core.window.Load(), int64(leastFlush))
}

// uncount takes something off what is queued.
func (c *Conn) uncount(mine uint64) {
	step.Point()
	after := c.queued.Add(-mine)
	if c.atBound(after+mine) && !c.atBound(after) {
		step.Point()
		c.over.Store(0)
	}
}

// Queued returns the number of chunks and bytes that are not written yet. Any
// goroutine may call it.
func (c *Conn) Queued() (chunks, bytes int) {
	q := c.queued.Load()
	return int(q / queuedSlot), int(q & queuedBytes)
}

// Full reports whether the queue has reached one of its bounds, no matter for
// how long. Any goroutine may call it.
func (c *Conn) Full() bool { return c.atBound(c.queued.Load()) }

// atBound reports whether a value of Conn.queued is at one of the bounds.
func (c *Conn) atBound(q uint64) bool {
	return q/queuedSlot >= c.core.maxSlots || q&queuedBytes >= c.core.maxBytes
}
