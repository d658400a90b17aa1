package shard

// A chunk counts the connections that have it, in Chunk.refs, so that its memory can
// be used again when the last of them has released it.
//
// # States
//
//	broadcast: refs is broadcastBias for each broadcast under way, minus the releases
//	           so far. The shard counts the takers in a variable of its own.
//	shared:    refs is the number of connections that have it.
//	released:  refs is 0. The goroutine that made it 0 puts the chunk back into its pool.
//
// A broadcast to thousands of connections would otherwise add to the count once for
// each of them, on a cache line that the writers take from the shard at the same time.
// The bias makes it two additions: while it is there, releases cannot bring the
// count to 0, and at the end the shard replaces it by the number of takers.
//
// A chunk in the snapshot cache counts as being broadcast until it leaves the cache.
//
// A frame of one connection has a head of its own and shares the body of another
// chunk. The takers of that chunk are the heads made for it. The last release of a head
// releases the body once.
//
// A connection that vanishes with chunks in its ring never releases them. They are left
// to the garbage collector, which is always safe. A count that is too low is not: bytes
// that are being sent would be overwritten.
//
// # Memory ordering
//
// A writer reads a chunk's bytes before its decrement. All decrements are in the
// modification order of one atomic, so the one that reaches 0 sees all others before
// it. The goroutine that brings a head to 0 decrements its body after that. How the
// memory comes back to the shard from there is in pool.go.

// broadcastBias is added to the count for each broadcast under way. It is above the
// number of connections that can ever have a chunk.
const broadcastBias = 1 << 28

// startBroadcasts starts the count of a chunk that is about to be broadcast to some lists
// of subscribers. The shard calls it.
func (p *pool) startBroadcasts(c *Chunk, pushes int) {
	c.refs.Store(int32(pushes) * broadcastBias)
	p.memory.outstanding.Add(int64(c.memoryBytes()))
}

// endBroadcast ends the broadcast to one list, in which some connections have taken the
// chunk. The shard calls it.
func (p *pool) endBroadcast(c *Chunk, takers int) {
	if c.refs.Add(int32(takers)-broadcastBias) == 0 {
		c.noteReleased()
		p.recycle(c) // the shard's own call: no need to go through returned
	}
}

// retain starts the count of a chunk that goes into the snapshot cache. While it is
// there, it is not counted as held by connections.
func (c *Chunk) retain() {
	if c.pool != nil {
		c.refs.Store(broadcastBias)
		c.pool.memory.retained.Add(int64(c.memoryBytes()))
	}
}

// endRetain is called when c leaves the cache: from here on it is held only by the
// connections that still have it.
func (c *Chunk) endRetain() {
	if c.pool != nil {
		c.pool.memory.retained.Add(-int64(c.memoryBytes()))
		c.pool.memory.outstanding.Add(int64(c.memoryBytes()))
		c.pool.endBroadcast(c, int(c.takers))
	}
}

// Release drops the references of n connections that took c and no longer need its
// bytes. One call for many is cheaper than one for each, because all writers share the
// cache line of the count. The caller must not look at c afterwards. Any goroutine may
// call it.
func (c *Chunk) Release(n int) {
	p := c.pool
	if p == nil || c.refs.Add(int32(-n)) != 0 {
		return
	}
	c.noteReleased()
	for {
		old := p.returned.Load()
		c.nextReturned = old
		if p.returned.CompareAndSwap(old, c) {
			return
		}
	}
}

// noteReleased counts c as spare: nobody has it any more.
func (c *Chunk) noteReleased() {
	size := int64(c.memoryBytes())
	c.pool.memory.outstanding.Add(-size)
	c.pool.memory.spare.Add(size)
	if c.shares != nil {
		c.shares.Release(1)
	}
}
