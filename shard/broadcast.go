package shard

// subscribers is a list of subscriptions that are pushed to together: the live
// flow of a part in one shape, or a class. One round at a time goes through
// it, from the end to the front, and may be interrupted after any push: what
// the shard does in between may add to the list and cut from it.
//
// What holds at every moment: list[:owed] are still owed the round, the others
// have had it or came later, and every sub knows its place.
type subscribers struct {
	list []*sub
	owed int

	broadcast broadcast
	open      bool // a round is under way; it is in worker.broadcasts until the shard has closed it
}

// broadcast is what an subscribers is being sent.
type broadcast struct {
	shard       *topicShard      // whose next seal waits for the end; nil for a class
	chunk       *Chunk           // nil: a tick, each sub gets what changed since its last one
	compression *liveCompression // of chunk, which is pushed compressed when that is done; nil for none
	taken       int              // connections that took chunk
	due         int64            // the shard has not passed this moment before the end
	instant     int64            // told to the writers; 0 for nothing to gather for
}

// add puts s at the end, where rounds under way do not come.
func (a *subscribers) add(s *sub) {
	s.pos = int32(len(a.list))
	a.list = append(a.list, s)
}

// cut takes s out. A sub that is still owed is replaced by the last one that
// is, so that none is skipped and none is served twice.
func (a *subscribers) cut(s *sub) {
	if int(s.pos) < a.owed {
		a.serve(s)
	}
	last := len(a.list) - 1
	a.put(a.list[last], int(s.pos))
	a.list[last] = nil
	a.list = a.list[:last]
}

// serve moves s, which is owed the round, to those who have had it.
func (a *subscribers) serve(s *sub) {
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

// broadcast begins the rounds of one live chunk in some subscribers, and returns
// how many pushes it has made by that.
func (w *worker) broadcast(r broadcast, to ...*subscribers) (pushes int) {
	r.chunk.pool.startPush(r.chunk, len(to))
	r.shard.broadcasts += len(to)
	for _, a := range to {
		pushes += w.begin(a, r)
	}
	return pushes
}

// begin sends r to everybody in a: at once if they are few, otherwise a slice per
// turn, so that the shard's other topics and its inbox do not wait. A round that
// is under way is finished first. It returns how many pushes it has made of r.
func (w *worker) begin(a *subscribers, r broadcast) (pushes int) {
	w.complete(a)
	a.broadcast, a.owed, a.open = r, len(a.list), true
	if a.owed > w.core.slice || r.compression != nil {
		w.broadcasts = append(w.broadcasts, a)
		return 0
	}
	pushes = a.owed
	w.complete(a)
	return pushes
}

// proceed gives the round that waits longest one slice: of pushes, or of
// compression before them.
func (w *worker) proceed() {
	if len(w.broadcasts) == 0 {
		return
	}
	a := w.broadcasts[0]
	copy(w.broadcasts, w.broadcasts[1:])
	w.broadcasts = w.broadcasts[:len(w.broadcasts)-1]
	if !a.open {
		return // completed by a command
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
	w.close(a)
}

// complete brings the round of a, if there is one, to its end now. What is not
// compressed yet goes as it is.
func (w *worker) complete(a *subscribers) {
	if a.open {
		w.push(a, a.owed)
		w.close(a)
	}
}

// completeTicks brings the ticks of p that are under way to their end now.
func (w *worker) completeTicks(p *topicShard) {
	for _, k := range p.classes {
		if k != nil {
			w.complete(&k.subscribers)
		}
	}
}

// close ends the round of a, which everybody has had.
func (w *worker) close(a *subscribers) {
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
		w.schedule(p) // what came meanwhile
	}
}

// warmAhead is how many connections are looked at before the first of them is
// pushed to: as a push ends in an atomic that waits for memory, one that has
// left the caches would else be waited for alone. 8 makes 63 ns of 87 at
// 100,000 connections; 32 is more than the processor keeps in flight.
const warmAhead = 8

// push serves up to n of those who are owed the round.
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
		group := max(end, a.owed-warmAhead)
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

// catchUp serves s now if it is owed the round of its subscribers, so that what a
// command does to it comes behind.
func (w *worker) catchUp(s *sub) {
	a := s.subscribers()
	if int(s.pos) >= a.owed {
		return
	}
	a.serve(s)
	if a.broadcast.chunk == nil {
		w.tickTo(s)
	} else if w.pushTo(s, a.broadcast.chunk) {
		a.broadcast.taken++
	}
}

// pushTo offers a live chunk to one subscriber.
func (w *worker) pushTo(s *sub, ch *Chunk) bool {
	c := s.conn
	ok := c.offer(ch, s.opened)
	if !ok {
		s.miss(ch)
		w.count.overflows++
	}
	if c.wants() {
		w.chains[c.writer].add(c)
	}
	return ok
}
