package shard

import (
	"sync/atomic"
	"time"

	"pitwall/shard/internal/step"
	"pitwall/shard/ring"
)

// States of a connection towards its writer.
const (
	connIdle   = iota // not queued: whoever pushes must queue it
	connQueued        // in the run queue, or in the writer's hands
	connParked        // a goroutine waits for its socket: nobody queues it
)

// The flow of a connection: its state, and above that the number of its
// recoveries.
const (
	flowOpen   = iota
	flowLagged // its queue was full or too old: shards push nothing live until it is recovered
	flowClosed // gone: whatever is pushed vanishes

	flowState = 3 // the bits of the state
	flowNext  = 4 // one recovery more
)

// Conn.queued counts pointers in its high bits and bytes in the low ones, so
// that one addition keeps both.
const (
	queuedSlot  = 1 << 44
	queuedBytes = queuedSlot - 1
)

// Conn is what the core knows of one spectator's connection: a bounded queue
// of chunks, and its state towards the writer that drains it. Shards and the
// session push; only the writer takes.
//
// # When a queue is full
//
// A queue that reaches its bound, in bytes or in chunks, takes in what else is
// pushed within one flush window. It is full when it has stayed at the bound for
// longer: it did not come back below between two flushes of its topics. So what
// is due at one instant is taken in whole, from all shards and all topics,
// however large the flush or long the window, and a reader who is fast enough
// never lags. The others hold the bound, and what was due within a window and
// the turn it was pushed in. That is references: the bytes are shared.
//
// Memory ordering of over: it is set by the push that reaches the bound, or by
// one that finds the bound reached and over not set yet, and set back to 0 by
// who takes the queue below the bound. Both happen after the addition to queued
// that shows it, so over may be the one moment older than queued: a push that
// falls in between takes the queue for one that has just reached its bound, and
// lets one chunk in that may be refused. The error is never the other way round
// for a queue that was below the bound within the window: the goroutine that
// took it there has set over back, or is about to and had waited for longer than a window
// before. A count that a push adds and takes away again, because the flow has
// changed, is like one that was pushed and written.
//
// Memory ordering: a producer pushes, then looks at state; the writer sets
// state to idle, then looks into the ring (Rest). Both orders are kept by
// sequentially consistent atomics, so at least one of the two sees the other
// and no chunk is left behind with nobody to write it. The same holds for the
// mark flowLagged, which Rest looks at as well.
type Conn struct {
	// What a push and a turn of the writer touch: one cache line (see
	// TestConnIsTwoCacheLines).
	ring   ring.Ring[Chunk]
	queued atomic.Uint64 // what is in the ring or in the writer's hands; producers add, the writer subtracts
	state  atomic.Uint32 // connIdle…; producers move idle to queued, the writer does the rest
	flow   atomic.Uint32 // flowOpen…; shards move open to lagged, the writer back, Close ends it
	next   *Conn         // link in the run queue; see RunQueue
	core   *Core

	// Owner is the caller's own record of the connection, set by NewConn.
	Owner any

	end        *Conn // the last of the chain that this is the first of; see RunQueue
	writer     uint16
	encoding   encoding
	compresses bool        // has agreed on compression
	recovering atomic.Bool // a recover command is with the shards; set by the writer, cleared by the last shard
	subs       []*sub      // per shard: its own list of this connection's subscriptions

	// over is when the queue has reached its bound, on the core's clock; 0 while
	// it is below. Only a push or a turn that finds the queue there looks at it.
	over atomic.Int64
	// drawn counts the bytes of the snapshots that subscribes have brought; the
	// shards add.
	drawn atomic.Int64
	_     [8]byte // so that the next one begins with a line
}

// NewConn makes a connection that run queue writer (0 to Config.Writers-1)
// drains. With batch it gets positions frames instead of position frames. Any
// goroutine may call it.
func (c *Core) NewConn(writer int, batch bool, owner any) *Conn {
	k := &Conn{core: c, writer: uint16(writer), Owner: owner}
	if batch {
		k.encoding = encodingBatch
	}
	return k
}

// opened is the flow while it is open, with the recoveries that there were so
// far.
func (c *Conn) opened() uint32 { return c.flow.Load() &^ flowState }

// offer pushes a live chunk, unless the connection is closed, lags, is found
// full, which marks it as lagged, or was opened by a recovery that this shard
// has not carried out: opened is the flow as its last one left it. The shards
// call it.
//
// It counts first and looks at the flow again behind that, and Recover looks at
// the count before it opens the flow: one of the two sees the other, so nothing
// that was let in before a recovery is pushed behind it.
func (c *Conn) offer(ch *Chunk, opened uint32) (taken bool) {
	if c.flow.Load() != opened {
		return false
	}
	step.Point()
	mine := queuedSlot + uint64(ch.Len())
	after := c.queued.Add(mine)
	step.Point()
	if c.flow.Load() == opened {
		if c.fits(after-mine, after) {
			c.ring.Push(ch)
			return true
		}
		c.Lag()
	}
	c.less(mine)
	return false
}

// fits reports whether there is room for a push that has taken the queue from
// before to after.
func (c *Conn) fits(before, after uint64) bool {
	return !c.full(after) || c.inFlush(before)
}

// leastFlush is how far the pushes of one flush may lie apart where the window
// is shorter: the turns of the shards are not at the same moment.
const leastFlush = 2 * time.Millisecond

// inFlush reports whether a queue that a push has taken to its bound, or beyond,
// has been there for less than a flush window.
func (c *Conn) inFlush(before uint64) bool {
	now := c.core.now()
	step.Point()
	since := c.over.Load()
	if since == 0 || !c.full(before) {
		step.Point()
		c.over.Store(now)
		return true
	}
	return now-since < max(c.core.window.Load(), int64(leastFlush))
}

// less takes something off what is queued.
func (c *Conn) less(mine uint64) {
	step.Point()
	after := c.queued.Add(-mine)
	if c.full(after+mine) && !c.full(after) {
		step.Point()
		c.over.Store(0)
	}
}

// admit pushes without looking at the bounds: for what is bounded by its own
// rule (snapshot parts, replies).
func (c *Conn) admit(ch *Chunk) {
	mine := queuedSlot + uint64(ch.Len())
	after := c.queued.Add(mine)
	c.fits(after-mine, after) // notes when the bound was reached
	c.ring.Push(ch)
}

// TakeDrawn returns how many bytes of snapshots the connection's subscribes have
// brought since the last call, as they are sent. Any goroutine may call it.
func (c *Conn) TakeDrawn() int64 { return c.drawn.Swap(0) }

// bring sends a connection the snapshot part that a subscribe asks for.
func (w *worker) bring(c *Conn, ch *Chunk) {
	c.drawn.Add(int64(ch.Len()))
	w.send(c, ch)
}

// wants reports whether the caller has to put c in its run queue now.
func (c *Conn) wants() bool {
	return c.state.Load() == connIdle && c.state.CompareAndSwap(connIdle, connQueued)
}

// Push sends a control chunk. It never blocks; what bounds the number of
// control chunks is the caller's rule. Any goroutine may call it.
func (c *Conn) Push(ch *Chunk) {
	if c.Closed() {
		return
	}
	c.admit(ch)
	c.Schedule()
}

// Schedule lets the writer look at c. Any goroutine may call it.
func (c *Conn) Schedule() {
	if c.wants() {
		c.enqueue()
	}
}

func (c *Conn) enqueue() {
	var one chain
	one.add(c)
	c.core.queues[c.writer].splice(&one, 0)
}

// Close makes everything pushed from now on vanish. It does not unsubscribe:
// see Core.Leave. Any goroutine may call it, more than once.
func (c *Conn) Close() { c.flow.Store(flowClosed) }

// Closed reports whether Close was called.
func (c *Conn) Closed() bool { return c.flow.Load()&flowState == flowClosed }

// Lagged reports whether the queue was full, or too old, since the last Recover. The
// writer then drops what may be dropped (see Losses), finishes the frame begun
// and calls Recover.
func (c *Conn) Lagged() bool { return c.flow.Load()&flowState == flowLagged }

// Lag marks the connection as lagged, as a full queue does. Its writer calls it
// when what stands in front of the queue has become too old to be shown. False:
// it was lagged already, or is closed.
func (c *Conn) Lag() bool {
	open := c.opened()
	return c.flow.CompareAndSwap(open, open|flowLagged)
}

// Queued returns the number of chunks and bytes that are not written yet.
func (c *Conn) Queued() (chunks, bytes int) {
	q := c.queued.Load()
	return int(q / queuedSlot), int(q & queuedBytes)
}

// Full reports whether the queue has reached one of its bounds, no matter for
// how long.
func (c *Conn) Full() bool { return c.full(c.queued.Load()) }

func (c *Conn) full(q uint64) bool {
	return q/queuedSlot >= c.core.maxSlots || q&queuedBytes >= c.core.maxBytes
}

// The methods below belong to the connection's writer.

// Take removes the oldest chunk, nil when there is none now. What was taken
// still counts as queued until Done.
func (c *Conn) Take() *Chunk { return c.ring.Take() }

// Done says that ch is written or dropped. The caller must not look at it
// afterwards.
func (c *Conn) Done(ch *Chunk) {
	c.Settle(1, ch.Len())
	ch.Release(1)
}

// Settle takes chunks with so many bytes together off what is queued. With
// Chunk.Release for each of them it is what Done does, for a writer that releases one
// chunk for many connections at once.
func (c *Conn) Settle(chunks, bytes int) {
	c.less(uint64(chunks)*queuedSlot + uint64(bytes))
}

// Warm fetches what Take will need into the processor's cache, so that a writer
// waits for the memory of several connections at once.
func (c *Conn) Warm() { c.ring.PrefetchTake() }

// Rest gives the connection back after a turn. It returns true when there is
// more to do, in which case the connection stays with the writer.
func (c *Conn) Rest() bool {
	c.ring.ShrinkIfQuiet(c.core.now)
	c.state.Store(connIdle)
	if c.ring.Empty() && !c.canRecover() {
		return false // whoever is about to push queues it
	}
	return c.state.CompareAndSwap(connIdle, connQueued)
}

// Park takes the connection off its writer while a goroutine waits for the
// socket; until Unpark that goroutine has the writer's rights.
func (c *Conn) Park() { c.state.Store(connParked) }

// Unpark puts the connection back into its run queue.
func (c *Conn) Unpark() {
	c.state.Store(connQueued)
	c.enqueue()
}

// Shrink frees the memory that a ring took in a slow phase now; Rest does so in
// time.
func (c *Conn) Shrink() { c.ring.Shrink() }
