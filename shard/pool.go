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
	returned atomic.Pointer[Chunk] // handed back by writers, linked by Chunk.after
	held     atomic.Int64          // bytes of the chunks that are out
	back     *Chunk                // taken off returned and not put yet; the shard's own, like what follows
	spare    []*Chunk
	size     int // bytes of the spare ones
}

// Bounds of what a pool keeps: beyond it the garbage collector takes over. A
// shard with thousands of events has as many small chunks out at a time.
const (
	maxSpareChunks = 1 << 14
	maxSpareBytes  = 16 << 20 // together, in each pool of a shard
)

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
		c.body = make([]byte, 0, size+room)
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
	p.size -= c.own()
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
		p.put(c)
	}
}

// own is how many bytes c has for itself: its head, or if it has none its body.
func (c *Chunk) own() int {
	if n := cap(c.head); n > 0 {
		return n
	}
	return cap(c.body)
}

// put keeps c for later. The shard calls it for chunks that nobody has.
func (p *pool) put(c *Chunk) {
	if len(p.spare) >= maxSpareChunks || p.size+c.own() > maxSpareBytes {
		return
	}
	p.size += c.own()
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
	p.held.Add(int64(c.own()))
}

// lent ends one round: taken connections have it now.
func (p *pool) lent(c *Chunk, taken int) {
	if c.refs.Add(int32(taken)-pushing) == 0 {
		c.leave()
		p.put(c)
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
	c.home.held.Add(-int64(c.own()))
	if c.of != nil {
		c.of.LetGo(1)
	}
}
