package shard

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

type opKind uint8

const (
	opSubscribe opKind = iota
	opUnsubscribe
	opLeave
	opRecover
	opSwap
	opCorrect
	opClocks
	opPause
	opRenew
	opInspect
	opOrphans
)

// op is a command that every shard carries out once, on what it owns. The last shard to
// do so sends the reply and calls done.
type op struct {
	kind        opKind
	conn        *Conn
	topic       *Topic
	class       int // interval class, or classNone
	losses      []loss
	order       uint32         // of a subscribe: see renewal
	since       int64          // of a subscribe that resumes: see Core.Resume; 0 for any other
	incomplete  atomic.Bool    // a shard could not resume
	epoch       uint32         // of a recovery: the stream epoch that it has opened
	renewals    [][]renewal    // of a recovery, by shard: what the shards ask for
	renewing    []renewal      // of a recovery: those under way
	corrections [][]Correction // by shard
	clocks      [][]Clock      // by shard
	inspected   string         // a device
	state       *DeviceState   // of that device; its shard fills it
	orphans     [][]Orphan     // by shard, with the capacity that the shard may fill
	reply       *Chunk
	done        func()
	remaining   atomic.Int32
	links       []opLink
}

// submit hands o to every shard. It never blocks. Once o is done, no shard reads it, and
// it may be submitted again.
func (c *Core) submit(o *op) {
	o.remaining.Store(int32(len(c.workers)))
	if o.links == nil {
		o.links = make([]opLink, len(c.workers))
	}
	for i, w := range c.workers {
		o.links[i].op = o
		if w.inbox.put(&o.links[i]) {
			w.turns.notifyShard()
		}
	}
}

// carryOut submits o, which has no done callback, and waits until all shards have
// carried it out. It fails only if ctx ends before.
func (c *Core) carryOut(ctx context.Context, o *op, what string) error {
	done := newLatch()
	o.done = done.open
	c.submit(o)
	if err := done.wait(ctx); err != nil {
		return fmt.Errorf("wait for the shards to %s: %w", what, err)
	}
	return nil
}

// Answer returns when every shard has carried out an empty command. A shard that hangs
// does not. It fails only if ctx ends before. Any goroutine may call it while Run runs.
func (c *Core) Answer(ctx context.Context) error {
	return c.carryOut(ctx, &op{kind: opClocks, clocks: make([][]Clock, len(c.workers))}, "answer")
}

// finish is called by each shard when it has carried out o. The last one sends the
// reply, so everything that the others pushed before is in the ring before it.
func (o *op) finish() {
	if o.remaining.Add(-1) > 0 {
		return
	}
	if o.reply != nil {
		o.conn.Push(o.reply)
	}
	if o.done != nil {
		o.done()
	}
}

// Subscribe adds conn to t, or changes the interval if it is subscribed already. A new
// subscription gets a snapshot part from every shard, then the live flow without a gap.
// interval is 0 for every update at the topic's own flushes, otherwise one of Intervals.
// done is called once, by the goroutine that owns a shard's turn, which may be a caller
// of Deliver; it must not block.
//
// At most one of Subscribe, Unsubscribe and Leave may be under way per
// connection; the caller waits for done before the next.
func (c *Core) Subscribe(conn *Conn, t *Topic, interval time.Duration, done func()) {
	o := c.newSubscribe(conn, t, interval)
	o.done = done
	c.submit(o)
}

func (c *Core) newSubscribe(conn *Conn, t *Topic, interval time.Duration) *op {
	if conn.subs == nil {
		conn.subs = make([]*sub, len(c.workers))
	}
	return &op{kind: opSubscribe, conn: conn, topic: t, class: classOf(interval), order: c.orders.Add(1)}
}

// Unsubscribe removes conn from t. reply is pushed after everything of the topic; then
// done is called as by Subscribe.
func (c *Core) Unsubscribe(conn *Conn, t *Topic, reply *Chunk, done func()) {
	c.submit(&op{kind: opUnsubscribe, conn: conn, topic: t, reply: reply, done: done})
}

// Leave removes conn from all its topics; then done is called as by Subscribe.
func (c *Core) Leave(conn *Conn, done func()) {
	if conn.subs == nil { // never subscribed
		done()
		return
	}
	c.submit(&op{kind: opLeave, conn: conn, done: done})
}
