package shard

import "sync/atomic"

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
// Memory ordering: a producer pushes, then looks at state; the writer sets
// state to idle, then looks into the ring (Rest). Both orders are kept by
// sequentially consistent atomics, so at least one of the two sees the other
// and no chunk is left behind with nobody to write it. The same holds for the
// mark flowLagged, which Rest looks at as well.
type Conn struct {
	// What a push and a turn of the writer touch: one cache line (see
	// TestConnIsTwoCacheLines).
	ring   ring
	queued atomic.Uint64 // what is in the ring or in the writer's hands; producers add, the writer subtracts
	state  atomic.Uint32 // connIdle…; producers move idle to queued, the writer does the rest
	flow   atomic.Uint32 // flowOpen…; shards move open to lagged, the writer back, Close ends it
	next   *Conn         // link in the run queue; see RunQueue
	core   *Core

	// Owner is the caller's own record of the connection, set by NewConn.
	Owner any

	end        *Conn // the last of the chain that this is the first of; see RunQueue
	writer     uint16
	shape      shape
	deflate    bool        // has agreed on compression
	recovering atomic.Bool // a recover command is with the shards; set by the writer, cleared by the last shard
	subs       []*sub      // per shard: its own list of this connection's subscriptions
	_          [24]byte    // so that the next one begins with a line
}

// NewConn makes a connection that run queue writer (0 to Config.Writers-1)
// drains. With batch it gets positions frames instead of position frames. Any
// goroutine may call it.
func (c *Core) NewConn(writer int, batch bool, owner any) *Conn {
	k := &Conn{core: c, writer: uint16(writer), Owner: owner}
	if batch {
		k.shape = shapeBatch
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
	mine := queuedSlot + uint64(ch.Len())
	before := c.queued.Add(mine) - mine
	if c.flow.Load() == opened {
		if !c.full(before) {
			c.ring.push(ch)
			return true
		}
		c.Lag()
	}
	c.queued.Add(-mine)
	return false
}

// admit pushes without looking at the bounds: for what is bounded by its own
// rule (snapshot parts, replies).
func (c *Conn) admit(ch *Chunk) {
	c.queued.Add(queuedSlot + uint64(ch.Len()))
	c.ring.push(ch)
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

// Full reports whether the queue has reached one of its bounds.
func (c *Conn) Full() bool { return c.full(c.queued.Load()) }

func (c *Conn) full(q uint64) bool {
	return q/queuedSlot >= c.core.maxSlots || q&queuedBytes >= c.core.maxBytes
}

// The methods below belong to the connection's writer.

// Take removes the oldest chunk, nil when there is none now. What was taken
// still counts as queued until Done.
func (c *Conn) Take() *Chunk { return c.ring.take() }

// Done says that ch is written or dropped. The caller must not look at it
// afterwards.
func (c *Conn) Done(ch *Chunk) {
	c.Settle(1, ch.Len())
	ch.LetGo(1)
}

// Settle takes chunks with so many bytes together off what is queued. With
// Chunk.LetGo for each of them it is what Done does, for a writer that lets go
// of one chunk for many connections at once.
func (c *Conn) Settle(chunks, bytes int) {
	c.queued.Add(-(uint64(chunks)*queuedSlot + uint64(bytes)))
}

// Warm fetches what Take will need into the processor's cache, so that a writer
// waits for the memory of several connections at once.
func (c *Conn) Warm() { c.ring.warmTake() }

// Rest gives the connection back after a turn. It returns true when there is
// more to do, in which case the connection stays with the writer.
func (c *Conn) Rest() bool {
	c.state.Store(connIdle)
	if c.ring.empty() && !c.canRecover() {
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

// Shrink frees the memory that a ring took in a slow phase.
func (c *Conn) Shrink() { c.ring.shrink() }
