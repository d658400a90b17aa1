package shard

import (
	"time"

	"pitwall/shard/internal/step"
)

// # When a queue is full
//
// A queue that has reached its bound, in bytes or in chunks, still takes what is
// pushed within one flush window. It is full once it has been at the bound for longer:
// it did not come back below the bound between two flushes of its topics. So what is
// due at one moment is taken whole, from all shards and topics, however large the
// flush or long the window, and a client that reads fast enough never lags. The queue
// of a slow client holds at most the bound, plus what was due within one window and
// the turn that pushed it. What it holds is references: the bytes are shared.
//
// Memory ordering of Conn.over: a push sets it when it has taken the queue to the
// bound, or has found the queue there and over not set. Whoever takes the queue below
// the bound sets it back to 0. Both do so after they have changed queued, so over can
// be out of date for a moment. A push in that moment may treat the queue as one that
// has just reached its bound, and let in a chunk that could have been refused. A queue
// that was below the bound within the window refuses nothing, unless the goroutine that
// took it below is suspended for longer than a window before it resets over. A push that
// adds to queued and subtracts it again, because the stream has changed, looks like a
// chunk that was pushed and written.

// Conn.queued counts chunks in its high bits and bytes in the low ones, so that
// one addition changes both.
const (
	queuedSlot  = 1 << 44
	queuedBytes = queuedSlot - 1
)

// leastFlush replaces a shorter window. The shards take their turns at different
// moments, so the pushes of one flush can be this far apart.
const leastFlush = 2 * time.Millisecond

// offer pushes a live chunk, unless the connection is closed, lags, or is full, which
// marks it as lagged. It also refuses if the stream is in another epoch than the one
// given: a recovery has opened the stream again, and the calling shard has not carried
// out that recovery yet. The shards call it.
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

// admit pushes a chunk even if the queue is full: snapshot parts and replies are
// bounded by rules of their own. Any goroutine may call it.
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

// uncount subtracts from what is queued.
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
