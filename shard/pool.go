package shard

import "sync/atomic"

// pool keeps a shard's chunks that every connection has released, and uses their memory
// again, so that neither a flush nor a lagged snapshot allocates anything. Who has a
// chunk is counted in chunk_refs.go. The pool belongs to its shard, except for returned,
// on which writers put the chunks that they were the last to release.
//
// Memory ordering of returned: the compare-and-swap that puts a chunk on the list
// publishes the chunk, and everything that its readers did before, to the shard.
// The shard takes the whole list by a swap before it writes the bytes anew. It
// never takes a single chunk off the list, so a chunk that comes back at once
// cannot be mistaken for the one that was there before (no ABA).
type pool struct {
	memory    *memory
	returned  atomic.Pointer[Chunk] // handed back by writers, linked by Chunk.nextReturned
	collected *Chunk                // taken off returned and not recycled yet; the shard's own, like what follows
	spare     []*Chunk
}

// memory counts the bytes of the chunks of all pools of a core. Each chunk is in one
// of the three sums, or is being filled, or was left to the garbage collector. A chunk
// moves between the sums as a whole, not with each connection that has it.
type memory struct {
	outstanding atomic.Int64 // connections have these bytes, or are about to get them
	retained    atomic.Int64 // snapshots in the cache, whether or not connections have them too
	spare       atomic.Int64 // nobody has these: they are to be used again
}

// Bounds of what pools keep: beyond them the garbage collector takes over. A
// shard with thousands of events has as many small chunks out at a time.
const (
	maxSpareChunks = 1 << 14  // of one pool
	maxSpareBytes  = 64 << 20 // of all pools of a core together
	maxSpareChunk  = maxSpareBytes / 4
)

// collectAtOnce is how many returned chunks each get recycles. It is more than the one
// that get takes, so that they become fewer. To recycle all at once would take too long
// for one turn: the flush of many topics returns thousands of chunks, and each of them
// has left the processor's caches.
const collectAtOnce = 4

// get returns a chunk with an empty body, for about the size given, to be sealed
// soon.
func (p *pool) get(size int) *Chunk { return p.getSized(size, maxSpareBytes, size/4+512) }

// getToKeep is get for one of thousands of chunks that may stay for hours: its body has
// at most four times the size.
func (p *pool) getToKeep(size int) *Chunk { return p.getSized(size, 4*size, size/8) }

// getSized returns a chunk whose body has room for size bytes. A spare chunk is used if
// it takes at most most bytes. New memory has room bytes more than size.
func (p *pool) getSized(size, most, room int) *Chunk {
	c := p.reuse(size, most)
	if c == nil {
		c = &Chunk{pool: p}
	}
	if cap(c.body) < max(size, 1) {
		c.body = makeNoZero(size + room)
	}
	return c
}

// headRoom is what the head of a snapshot takes, with a name of up to 50 bytes
// and some room for numbers.
const headRoom = 160

// getHead returns a chunk with an empty head, for a body that is not its own.
func (p *pool) getHead() *Chunk {
	c := p.reuse(headRoom, maxSpareBytes)
	if c == nil {
		c = &Chunk{pool: p, head: make([]byte, 0, headRoom)}
	}
	return c
}

// reuse returns a spare chunk that is not larger than most, or nil for none. It
// prefers one of the size given, so that its body need not grow.
func (p *pool) reuse(size, most int) *Chunk {
	p.collectReturned()
	n := len(p.spare)
	at := -1
	for i := n - 1; i >= max(0, n-4); i-- { // a bounded search: any spare chunk will do
		own := p.spare[i].memoryBytes()
		if own > most {
			continue
		}
		if at < 0 {
			at = i
		}
		if own >= size {
			at = i
			break
		}
	}
	if at < 0 {
		return nil
	}
	c := p.spare[at]
	p.spare[at] = p.spare[n-1]
	p.spare[n-1] = nil
	p.spare = p.spare[:n-1]
	p.memory.spare.Add(-int64(c.memoryBytes()))
	return c
}

// collectReturned recycles a few of the chunks that writers have returned. Each seal
// calls it for pools from which it takes nothing: the number of returned chunks is not
// bounded otherwise.
func (p *pool) collectReturned() {
	if p.collected == nil {
		if p.returned.Load() == nil {
			return
		}
		p.collected = p.returned.Swap(nil)
	}
	for n := 0; n < collectAtOnce && p.collected != nil; n++ {
		c := p.collected
		p.collected = c.nextReturned
		p.recycle(c)
	}
}

// memoryBytes is how many bytes c has for itself: its head, or its body if it has
// no head. A head's body belongs to another chunk.
func (c *Chunk) memoryBytes() int {
	if n := cap(c.head); n > 0 {
		return n
	}
	return cap(c.body)
}

// put takes a chunk back that was never pushed. The shard calls it.
func (p *pool) put(c *Chunk) {
	p.memory.spare.Add(int64(c.memoryBytes()))
	p.recycle(c)
}

// recycle keeps c, which is counted as spare, for its next use, if there is room for
// it. Otherwise the garbage collector gets it.
func (p *pool) recycle(c *Chunk) {
	size := c.memoryBytes()
	if len(p.spare) >= maxSpareChunks || size > maxSpareChunk || p.memory.spare.Load() > maxSpareBytes {
		p.memory.spare.Add(-int64(size))
		return
	}
	if cap(c.head) > 0 {
		*c = Chunk{pool: p, head: c.head[:0]}
	} else {
		*c = Chunk{pool: p, body: c.body[:0]}
	}
	p.spare = append(p.spare, c)
}
