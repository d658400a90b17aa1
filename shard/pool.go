package shard

import "sync/atomic"

// pool gives a shard's chunks their memory back once every connection has let go
// of them, so that neither a flush nor a lagged snapshot allocates anything.
//
// A chunk counts its references. While the shard pushes it, the count stands
// far above what writers can take away; then the shard replaces that by the
// number of connections that took it. Who brings the count to zero hands the
// chunk home. A connection that vanishes with chunks in its ring never lets go
// of them: those are left to the garbage collector, which is always right.
//
// Memory ordering: a writer reads a chunk's bytes before its decrement; the
// decrement that reaches zero sees all others before it (they are one atomic's
// modification order; who brings a head to zero then decrements its body), and
// the CAS on returned publishes them to the shard, which takes the list by a swap
// before it writes the bytes anew.
type pool struct {
	memory   *memory
	returned atomic.Pointer[Chunk] // handed back by writers, linked by Chunk.after
	back     *Chunk                // taken off returned and not put yet; the shard's own, like what follows
	spare    []*Chunk
}

// memory is what the chunks of all pools of a core take. Each chunk is in one of
// the three sums, or is being filled, or was left to the garbage collector. They
// change once in the life of a chunk, not with each connection that has it.
type memory struct {
	out   atomic.Int64 // connections have these bytes, or are about to get them
	kept  atomic.Int64 // snapshots that wait for whoever comes, whoever else has them
	spare atomic.Int64 // nobody has these: they are to be used again
}

// Bounds of what pools keep: beyond them the garbage collector takes over. A
// shard with thousands of events has as many small chunks out at a time.
const (
	maxSpareChunks = 1 << 14  // of one pool
	maxSpareBytes  = 64 << 20 // of all pools of a core together
	maxSpareChunk  = maxSpareBytes / 4
)

// HeldBytes is the memory of the chunks that connections have not let go of and
// of the snapshots kept for those to come, each counted once however many
// connections share it. Any goroutine may call it, as often as it likes.
func (c *Core) HeldBytes() int64 { return c.memory.out.Load() + c.memory.kept.Load() }

// PooledBytes is the memory that is free to be used for new chunks, in bytes.
// Any goroutine may call it.
func (c *Core) PooledBytes() int64 { return c.memory.spare.Load() }

// pushing is the bias of the count, for each round of pushes under way.
const pushing = 1 << 28

// backAtOnce is how many chunks a get puts back: more than the one that it
// takes, so that they become fewer. They have left the processor's caches, and
// the thousands that come back from a push of many topics are 1.5 ms together.
const backAtOnce = 4

// get returns a chunk with an empty body, for about the size given, to be sealed
// soon.
func (p *pool) get(size int) *Chunk { return p.fit(size, maxSpareBytes, size/4+512) }

// getToKeep is get for a chunk that may stay for hours, one of thousands: it
// takes four times the size at most.
func (p *pool) getToKeep(size int) *Chunk { return p.fit(size, 4*size, size/8) }

// fit returns a chunk whose body has the size and is no larger than most; one
// that has to be made has some room beyond it.
func (p *pool) fit(size, most, room int) *Chunk {
	c := p.again(size, most)
	if c == nil {
		c = &Chunk{home: p}
	}
	if cap(c.body) < max(size, 1) {
		c.body = uncleared(size + room)
	}
	return c
}

// headRoom is what the head of a snapshot takes, with a name of up to 50 bytes
// and some room for numbers.
const headRoom = 160

// getHead returns a chunk with an empty head, for a body that is not its own.
func (p *pool) getHead() *Chunk {
	c := p.again(headRoom, maxSpareBytes)
	if c == nil {
		c = &Chunk{home: p, head: make([]byte, 0, headRoom)}
	}
	return c
}

// again returns a chunk that has come back, of the size given if there is one
// and not larger than most, or nil.
func (p *pool) again(size, most int) *Chunk {
	p.takeBack()
	n := len(p.spare)
	at := -1
	for i := n - 1; i >= max(0, n-4); i-- { // a few looks for one that need not grow
		own := p.spare[i].own()
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
	p.memory.spare.Add(-int64(c.own()))
	return c
}

// takeBack puts a few of those back that writers have handed home. A pool that
// may have no get for long needs it at times: what waits is not bounded.
func (p *pool) takeBack() {
	if p.back == nil {
		if p.returned.Load() == nil {
			return
		}
		p.back = p.returned.Swap(nil)
	}
	for n := 0; n < backAtOnce && p.back != nil; n++ {
		c := p.back
		p.back = c.after
		p.keep(c)
	}
}

// own is how many bytes c has for itself: its head, or if it has none its body.
func (c *Chunk) own() int {
	if n := cap(c.head); n > 0 {
		return n
	}
	return cap(c.body)
}

// put takes a chunk that was got and never lent. The shard calls it.
func (p *pool) put(c *Chunk) {
	p.memory.spare.Add(int64(c.own()))
	p.keep(c)
}

// keep has c, which is counted as spare, wait for its next use, if there is room
// for it.
func (p *pool) keep(c *Chunk) {
	own := c.own()
	if len(p.spare) >= maxSpareChunks || own > maxSpareChunk || p.memory.spare.Load() > maxSpareBytes {
		p.memory.spare.Add(-int64(own))
		return
	}
	if cap(c.head) > 0 {
		*c = Chunk{home: p, head: c.head[:0]}
	} else {
		*c = Chunk{home: p, body: c.body[:0]}
	}
	p.spare = append(p.spare, c)
}

// lend starts the count of a chunk that is about to be pushed in some rounds.
func (p *pool) lend(c *Chunk, rounds int) {
	c.refs.Store(int32(rounds) * pushing)
	p.memory.out.Add(int64(c.own()))
}

// lent ends one round: taken connections have it now.
func (p *pool) lent(c *Chunk, taken int) {
	if c.refs.Add(int32(taken)-pushing) == 0 {
		c.leave()
		p.keep(c)
	}
}

// LetGo is called for each connection that took c, when it needs c's bytes no
// more, by itself (Conn.Done) or for n at once: the count is one cache line that
// all writers share. The caller must not look at c afterwards. Any goroutine
// may call it.
func (c *Chunk) LetGo(n int) {
	p := c.home
	if p == nil || c.refs.Add(int32(-n)) != 0 {
		return
	}
	c.leave()
	for {
		old := p.returned.Load()
		c.after = old
		if p.returned.CompareAndSwap(old, c) {
			return
		}
	}
}

// leave notes that nobody has c any more.
func (c *Chunk) leave() {
	own := int64(c.own())
	c.home.memory.out.Add(-own)
	c.home.memory.spare.Add(own)
	if c.of != nil {
		c.of.LetGo(1)
	}
}
