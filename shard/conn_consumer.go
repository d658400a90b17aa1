package shard

// Consumer is the right to take from a connection's queue. One goroutine at a
// time has it. There are two ways to get it, and each says how it ends:
//
//	ConnList.Next -> Active -> one of Rest (returning false), Requeue, Park
//	Active.Park   -> Parked -> Unpark
//
// After its end a value must not be used any more: the connection may be another
// goroutine's by then.
type Consumer struct{ conn *Conn }

// Active is a connection that its writer has taken off the run queue.
type Active struct{ Consumer }

// Parked is a connection that waits for its socket on a goroutine of its own.
type Parked struct{ Consumer }

// consumer and active are for the goroutine that has c by its state.
func (c *Conn) consumer() Consumer { return Consumer{c} }
func (c *Conn) active() Active     { return Active{c.consumer()} }

// Owner is what NewConn was given.
func (c Consumer) Owner() any { return c.conn.Owner }

// Take removes the oldest chunk, nil when there is none now. It counts as queued
// until Release or Uncount.
func (c Consumer) Take() *Chunk { return c.conn.ring.Take() }

// Release gives back a chunk that was taken, whether it was written or not. The caller
// must not look at it afterwards.
func (c Consumer) Release(ch *Chunk) {
	c.Uncount(1, ch.Len())
	ch.Release(1)
}

// Uncount subtracts chunks, and the sum of their bytes, from what is queued. It is
// Release without Chunk.Release, for a writer that releases a chunk for many connections
// at once.
func (c Consumer) Uncount(chunks, bytes int) {
	c.conn.uncount(uint64(chunks)*queuedSlot + uint64(bytes))
}

// MarkLagged stops the live stream as a full queue does, when the oldest chunk
// has become too old to be shown. False: it was lagged already, or is closed.
func (c Consumer) MarkLagged() bool { return c.conn.markLagged() }

// Prefetch brings what Take will need into the processor's cache, so that a writer
// waits for the memory of several connections at once.
func (a Active) Prefetch() { a.conn.ring.PrefetchTake() }

// Rest gives the connection back. True: there is more to do, and the caller still
// has it.
func (a Active) Rest() (again bool) {
	c := a.conn
	c.ring.ShrinkIfQuiet(c.core.now)
	c.state.Store(connIdle)
	if c.ring.Empty() && !c.canRecover() {
		return false // the next push queues it
	}
	return c.state.CompareAndSwap(connIdle, connQueued)
}

// Requeue gives the connection back with something left to do: it goes to the end
// of its run queue.
func (a Active) Requeue() { a.conn.enqueue() }

// Park takes the connection off its writer while a goroutine waits for its socket,
// which gets the consumer's rights.
func (a Active) Park() Parked {
	a.conn.state.Store(connParked)
	return Parked(a)
}

// Unpark puts the connection back into its run queue.
func (p Parked) Unpark() {
	p.conn.state.Store(connQueued)
	p.conn.enqueue()
}

// Shrink frees the memory by which the queue has grown, if it is empty. Active.Rest
// does the same, but only after some quiet time.
func (c Consumer) Shrink() { c.conn.ring.Shrink() }
