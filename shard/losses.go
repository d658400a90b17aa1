package shard

import "pitwall/shard/internal/step"

// loss is what a writer dropped of one topic's shard: everything that changed
// after since, in a number of updates.
type loss struct {
	shard   *topicShard
	since   uint64
	updates uint64
}

// Losses collects what a writer drops of a lagged connection, until Recover.
// The zero value is empty. Only the connection's writer uses it, and for that
// connection alone.
type Losses struct {
	list []loss
	op   *op // of the last recovery; the next one's, as there is one at a time
}

// Drop decides about a queued chunk of a lagged connection. Everything after offset
// from, where a frame ends, is still to be written. True: that may be dropped and was
// noted; the caller still calls Done for the chunk. False: it must be sent (a reply,
// the snapshot of a subscribe, or what a recovery brings), or there is nothing after
// from.
//
// What a recovery brings is sent whole although newer positions are on their way.
// Otherwise a connection that always lags again after the first part would never get
// the others. It is bounded all the same, because Recover waits for its end.
func (l *Losses) Drop(ch *Chunk, from int) bool {
	if ch.kind != chunkLive || from == ch.Len() {
		return false
	}
	updates := uint64(ch.records) - ch.recordsTo(from)
	for i := range l.list {
		if e := &l.list[i]; e.shard == ch.shard {
			e.since = min(e.since, ch.since)
			e.updates += updates
			return true
		}
	}
	l.list = append(l.list, loss{ch.shard, ch.since, updates})
	return true
}

// canRecover reports whether the connection lags and nothing is on its way to it. It
// looks at the count, not at the ring: a push that is half done hides the pushes after
// it, and those are older than what was dropped.
func (c *Conn) canRecover() bool {
	// In this order: a recovery that has ended has counted all of its pushes.
	return c.Lagged() && !c.recovering.Load() && c.queued.Load() == 0
}

// Recover opens the flow of a lagged connection again and has every shard
// send what changed since the first position that was lost. The writer calls
// it when the socket has taken everything that the writer took off the queue. It
// returns false, and does nothing, while something is queued, or while an earlier
// recovery is with the shards, which schedules the connection at its end. So a
// connection has at most one recovery under way.
func (c *Conn) Recover(l *Losses) bool {
	if !c.canRecover() {
		return false
	}
	c.recovering.Store(true)
	if l.op == nil {
		o := &op{kind: opRecover, conn: c, renewals: make([][]renewal, len(c.core.workers))}
		o.done = func() {
			clear(o.losses) // a topic may be gone long before the connection
			if o.nextPhase() {
				c.core.submit(o)
				return
			}
			c.recovering.Store(false)
			c.Schedule()
		}
		l.op = o
	}
	l.op.losses, l.list = l.list, l.op.losses[:0]
	// Open the flow before the command, and under a new number: a shard pushes
	// nothing live until it has carried out the command, which covers what the
	// connection misses until then. So nothing newer comes before what was lost.
	opened := c.opened()
	step.Point()
	if c.flow.CompareAndSwap(opened|flowLagged, opened+flowNext) {
		opened += flowNext
	}
	l.op.opened = opened
	c.core.submit(l.op)
	return true
}
