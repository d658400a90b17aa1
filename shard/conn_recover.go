package shard

import "pitwall/shard/internal/step"

// canRecover reports whether the connection lags and nothing is on its way to it. It
// reads the count, not the ring: in the ring, a push that is half done hides the pushes
// after it, which were admitted before anything was dropped.
func (c *Conn) canRecover() bool {
	// In this order: a recovery that has ended has pushed everything that it sends.
	return c.Lagged() && !c.recovering.Load() && c.queued.Load() == 0
}

// Recoveries returns how often the connection has lagged and got what changed instead of
// its queue; 0 once it is closed. Any goroutine may call it.
func (c *Conn) Recoveries() int { return int(c.stream.Load() / streamEpoch) }

// Recover opens the live stream of a lagged connection again, and has every
// shard send what changed since the first position that was lost. The consumer
// calls it when the socket has taken everything that was taken off the queue. It
// does nothing and returns false while something is queued, or while an earlier
// recovery is with the shards, which schedules the connection when it is done. So
// one recovery is under way at a time.
func (c Consumer) Recover(l *Losses) bool {
	conn := c.conn
	if !conn.canRecover() {
		return false
	}
	conn.recovering.Store(true)
	if l.op == nil {
		l.op = &op{kind: opRecover, conn: conn, renewals: make([][]renewal, len(conn.core.workers))}
		l.op.done = l.op.recovered
	}
	l.op.losses, l.list = l.list, l.op.losses[:0]
	// The stream opens before the command is submitted, in a new epoch. A shard pushes
	// nothing live until it has carried out the command, which also sends what was
	// missed until then. So nothing newer comes before what was lost.
	epoch := conn.epoch()
	step.Point()
	if conn.stream.CompareAndSwap(epoch|streamLagged, epoch+streamEpoch) {
		epoch += streamEpoch
	}
	l.op.epoch = epoch
	conn.core.submit(l.op)
	return true
}

// recovered is called by the last shard that has carried out a recovery, or one of
// the commands that follow it. It ends the recovery after the last of them.
func (o *op) recovered() {
	clear(o.losses) // a topic may be gone long before the connection
	if o.nextPhase() {
		o.conn.core.submit(o)
		return
	}
	o.conn.recovering.Store(false)
	o.conn.Schedule()
}
