package shard

import (
	"sync/atomic"

	"pitwall/shard/ring"
)

// Values of Conn.state: who may take from its queue.
const (
	connIdle   = iota // nobody has it: whoever adds something queues it
	connQueued        // its run queue, or its writer, which has taken it off there (Active)
	connParked        // a goroutine that waits for its socket (Parked): nobody queues it
)

// Values of Conn.stream: the state of the live stream in the lowest bits, and
// above them the epoch, which is the number of recoveries so far.
const (
	streamOpen   = iota // shards push live chunks
	streamLagged        // the queue was full or too old: nothing live is pushed until it is recovered
	streamClosed        // the connection has gone: what is pushed is dropped

	streamState = 3 // the bits of the state
	streamEpoch = 4 // one epoch more
)

// Conn is one spectator's connection as the core knows it: a bounded queue of
// chunks, and its state towards the writer that drains it. Any goroutine may
// push. Only the goroutine that has the connection may take: see Consumer.
//
// # States
//
// There are two state words. These are all of their transitions, each one atomic
// operation:
//
//	state    from    to          by                                      in
//	         idle    queued      any goroutine that has added something  claim, then RunQueue.splice
//	         queued  queued      the writer takes it off the queue       ConnList.Next, which returns Active
//	         queued  idle        the writer, nothing is left             Active.Rest
//	         queued  queued      the writer, something is left           Active.Requeue
//	         queued  parked      the writer, its socket is full          Active.Park, which returns Parked
//	         parked  queued      the goroutine that has waited           Parked.Unpark
//
//	stream   open n    lagged n    a shard, the queue is full            offer
//	         open n    lagged n    the consumer, the queue is too old    Consumer.MarkLagged
//	         lagged n  open n+1    the consumer, all is written          Consumer.Recover
//	         any       closed      any goroutine                         Close
//
// Memory ordering of state: a producer pushes, then looks at state; the writer
// sets state to idle, then looks into the ring (Active.Rest). Go's atomics are
// sequentially consistent, so at least one of the two sees the other, and no chunk
// is left in the ring without a writer. The same holds for streamLagged, which
// Active.Rest looks at as well.
type Conn struct {
	// What a push and a writer's turn touch. It is one cache line; see
	// TestConnIsTwoCacheLines.
	ring   ring.Ring[Chunk]
	queued atomic.Uint64 // what is in the ring or with the consumer; producers add, the consumer subtracts
	state  atomic.Uint32 // connIdle…
	stream atomic.Uint32 // streamOpen…, and the epoch
	next   *Conn         // link in the run queue; see RunQueue
	core   *Core

	// Owner is the caller's own record of the connection, set by NewConn.
	Owner any

	end        *Conn // the last of the chain that this is the first of; see RunQueue
	writer     uint16
	encoding   encoding
	compresses bool        // has agreed on compression
	recovering atomic.Bool // a recover command is with the shards; set by the consumer, cleared by the last shard
	subs       []*sub      // per shard: its own list of this connection's subscriptions

	// over is when the queue reached its bound, on the core's clock; 0 while it is
	// below. It is read only by a push that has found the queue at the bound.
	over atomic.Int64
	// snapshotBytes counts what subscribes have brought; the shards add.
	snapshotBytes atomic.Int64
	_             [8]byte // fills the second cache line, so that the next Conn begins with one
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

// Push sends a control chunk. It never blocks. The caller bounds how many there are;
// the core does not. Any goroutine may call it.
func (c *Conn) Push(ch *Chunk) {
	if c.Closed() {
		return
	}
	c.admit(ch)
	c.Schedule()
}

// Schedule has the writer give c a turn. Any goroutine may call it.
func (c *Conn) Schedule() {
	if c.claim() {
		c.enqueue()
	}
}

// claim reports whether the caller has to put c in its run queue now. It is true
// for one caller only: nobody else queues c until its writer has had it.
func (c *Conn) claim() bool {
	return c.state.Load() == connIdle && c.state.CompareAndSwap(connIdle, connQueued)
}

// enqueue puts c, which is queued by state, in its run queue.
func (c *Conn) enqueue() {
	var one chain
	one.add(c)
	c.core.queues[c.writer].splice(&one, 0)
}

// Close drops everything that is pushed from now on. It does not unsubscribe: see
// Core.Leave. Any goroutine may call it, more than once.
func (c *Conn) Close() { c.stream.Store(streamClosed) }

// Closed reports whether Close was called. Any goroutine may call it.
func (c *Conn) Closed() bool { return c.stream.Load()&streamState == streamClosed }

// Lagged reports whether the queue was found full, or too old, since the last
// recovery. Its consumer then drops what may be dropped (see Losses), finishes
// the frame that has begun and recovers. Any goroutine may call it.
func (c *Conn) Lagged() bool { return c.stream.Load()&streamState == streamLagged }

// epoch is the value that stream has while it is open in the current epoch.
func (c *Conn) epoch() uint32 { return c.stream.Load() &^ streamState }

// markLagged stops the live stream. False: it was lagged already, or is closed.
func (c *Conn) markLagged() bool {
	epoch := c.epoch()
	return c.stream.CompareAndSwap(epoch, epoch|streamLagged)
}

// TakeSnapshotBytes returns how many bytes of snapshots the connection's subscribes
// have brought since the last call. Compressed snapshots count with their compressed
// size. Any goroutine may call it.
func (c *Conn) TakeSnapshotBytes() int64 { return c.snapshotBytes.Swap(0) }

// sendSnapshot sends a connection the snapshot part that a subscribe asks for.
func (w *worker) sendSnapshot(c *Conn, ch *Chunk) {
	c.snapshotBytes.Add(int64(ch.Len()))
	w.send(c, ch)
}
