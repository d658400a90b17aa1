package shard

// subscribers is a list of subscriptions that are pushed to together: the live
// flow of a topic shard in one encoding, or an interval class. One broadcast at a
// time goes through it, from the end to the front. It may be interrupted after any
// push, and the list may grow and shrink meanwhile.
//
// Invariant: list[:owed] are still owed the broadcast, the others have had it or
// came later, and every sub knows its place.
type subscribers struct {
	list []*sub
	owed int

	broadcast broadcast
	open      bool // a broadcast is under way; long ones are in worker.broadcasts
}

// broadcast is what a list of subscribers is being sent.
type broadcast struct {
	shard       *topicShard      // whose next seal waits for the end; nil for an interval class
	chunk       *Chunk           // nil: a tick, each sub gets what changed since its last one
	compression *liveCompression // of chunk, which is pushed when that is done; nil for none
	taken       int              // connections that took chunk
	due         int64            // the shard's watermark stays before this moment until the end
	instant     int64            // told to the writers; 0 if they need not wait for other shards
}

// add puts s at the end, which a broadcast under way has passed.
func (a *subscribers) add(s *sub) {
	s.pos = int32(len(a.list))
	a.list = append(a.list, s)
}

// remove takes s out. A sub that is still owed is replaced by the last one that
// is, so that none is skipped and none is served twice.
func (a *subscribers) remove(s *sub) {
	if int(s.pos) < a.owed {
		a.markServed(s)
	}
	last := len(a.list) - 1
	a.put(a.list[last], int(s.pos))
	a.list[last] = nil
	a.list = a.list[:last]
}

// markServed moves s, which is owed the broadcast, to those that have had it.
func (a *subscribers) markServed(s *sub) {
	a.owed--
	at, last := int(s.pos), a.list[a.owed]
	a.put(s, a.owed)
	a.put(last, at)
}

func (a *subscribers) put(s *sub, pos int) {
	a.list[pos] = s
	s.pos = int32(pos)
}

// subscribers is the list that s is in.
func (s *sub) subscribers() *subscribers {
	if s.class == classNone {
		return &s.shard.live[s.conn.encoding]
	}
	return &s.shard.classes[s.class].subscribers
}

// start prepares the broadcast of a sealed chunk to so many lists. It comes before the
// first of them: a list that ends early must not release the chunk that the others
// still need, nor let the next seal begin.
func (r *broadcast) start(lists int) {
	r.chunk.pool.startPush(r.chunk, lists)
	r.shard.broadcasts += lists
}

// broadcast sends r to all of a: at once if they are few, otherwise a slice per turn,
// so that the shard's other topics and its inbox do not wait. A broadcast to a that is
// under way is finished first, which keeps the order. It returns the number of pushes
// made of r.
func (w *worker) broadcast(a *subscribers, r broadcast) (pushes int) {
	w.finishBroadcast(a)
	a.broadcast, a.owed, a.open = r, len(a.list), true
	if a.owed > w.core.slice || r.compression != nil {
		w.broadcasts = append(w.broadcasts, a)
		return 0
	}
	pushes = a.owed
	w.push(a, pushes)
	w.endBroadcast(a)
	return pushes
}

// continueBroadcast gives the broadcast that waits longest one slice: of pushes, or
// of the compression before them.
func (w *worker) continueBroadcast() {
	if len(w.broadcasts) == 0 {
		return
	}
	a := w.broadcasts[0]
	copy(w.broadcasts, w.broadcasts[1:])
	w.broadcasts = w.broadcasts[:len(w.broadcasts)-1]
	if !a.open {
		return // a command has finished it
	}
	if a.broadcast.compression != nil && a.owed > 0 {
		w.compressLive(&a.broadcast)
	} else {
		w.push(a, w.core.slice)
		w.splice(a.broadcast.instant)
	}
	if a.owed > 0 {
		w.broadcasts = append(w.broadcasts, a)
		return
	}
	w.endBroadcast(a)
}

// finishBroadcast sends the rest of the broadcast to a, if one is under way. A chunk
// that is not compressed yet goes uncompressed.
func (w *worker) finishBroadcast(a *subscribers) {
	if a.open {
		w.push(a, a.owed)
		w.endBroadcast(a)
	}
}

// finishTicks sends the rest of the ticks of p that are under way.
func (w *worker) finishTicks(p *topicShard) {
	for _, k := range p.classes {
		if k != nil {
			w.finishBroadcast(&k.subscribers)
		}
	}
}

// endBroadcast ends the broadcast to a, which all have had.
func (w *worker) endBroadcast(a *subscribers) {
	p, ch, taken := a.broadcast.shard, a.broadcast.chunk, a.broadcast.taken
	if k := a.broadcast.compression; k != nil {
		k.free(false)
	}
	a.broadcast, a.open = broadcast{}, false
	if p == nil {
		return
	}
	ch.pool.endPush(ch, taken)
	if p.broadcasts--; p.broadcasts == 0 && p.watchers > 0 && p.seq > p.sealed {
		w.schedule(p) // what became pending meanwhile
	}
}

// prefetchAhead is how many connections are read before the first of them is pushed
// to. A push ends in an atomic operation, which waits for memory. Prefetching overlaps
// these waits for the connections that are not in the processor's caches. The processor
// keeps no more than about this many reads in flight.
const prefetchAhead = 8

// push serves up to n of those that are owed the broadcast.
func (w *worker) push(a *subscribers, n int) {
	if a.broadcast.chunk == nil {
		for ; n > 0 && a.owed > 0; n-- {
			a.owed--
			w.tickTo(a.list[a.owed])
		}
		return
	}
	end := max(0, a.owed-n)
	ch := a.broadcast.chunk
	for a.owed > end {
		group := max(end, a.owed-prefetchAhead)
		for _, s := range a.list[group:a.owed] {
			s.conn.ring.PrefetchPush()
		}
		for a.owed > group {
			a.owed--
			if w.pushTo(a.list[a.owed], ch) {
				a.broadcast.taken++
			}
		}
	}
}

// catchUp pushes to s now if it is owed a broadcast, so that what a command sends it
// comes after.
func (w *worker) catchUp(s *sub) {
	a := s.subscribers()
	if int(s.pos) >= a.owed {
		return
	}
	a.markServed(s)
	if a.broadcast.chunk == nil {
		w.tickTo(s)
	} else if w.pushTo(s, a.broadcast.chunk) {
		a.broadcast.taken++
	}
}

// pushTo offers a live chunk to one subscriber, and reports whether it was taken. A
// connection that had nothing to send joins those that splice hands to the writers.
func (w *worker) pushTo(s *sub, ch *Chunk) bool {
	c := s.conn
	ok := c.offer(ch, s.epoch)
	if !ok {
		s.miss(ch)
		w.count.overflows++
	}
	if c.claim() {
		w.chains[c.writer].add(c)
	}
	return ok
}
