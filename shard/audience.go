package shard

// audience is a list of subscriptions that are pushed to together: the live
// flow of a part in one shape, or a class. One round at a time goes through
// it, from the end to the front, and may be interrupted after any push: what
// the shard does in between may add to the list and cut from it.
//
// What holds at every moment: list[:left] are still owed the round, the others
// have had it or came later, and every sub knows its place.
type audience struct {
	list []*sub
	left int

	round round
	open  bool // a round is under way; it is in worker.rounds until the shard has closed it
}

// round is what an audience is being sent.
type round struct {
	part        *part            // whose next seal waits for the end; nil for a class
	chunk       *Chunk           // nil: a tick, each sub gets what changed since its last one
	compression *liveCompression // of chunk, which is pushed compressed when that is done; nil for none
	taken       int              // connections that took chunk
	due         int64            // the shard has not passed this moment before the end
	instant     int64            // told to the writers; 0 for nothing to gather for
}

// add puts s at the end, where rounds under way do not come.
func (a *audience) add(s *sub) {
	s.pos = int32(len(a.list))
	a.list = append(a.list, s)
}

// cut takes s out. A sub that is still owed is replaced by the last one that
// is, so that none is skipped and none is served twice.
func (a *audience) cut(s *sub) {
	if int(s.pos) < a.left {
		a.serve(s)
	}
	last := len(a.list) - 1
	a.put(a.list[last], int(s.pos))
	a.list[last] = nil
	a.list = a.list[:last]
}

// serve moves s, which is owed the round, to those who have had it.
func (a *audience) serve(s *sub) {
	a.left--
	at, last := int(s.pos), a.list[a.left]
	a.put(s, a.left)
	a.put(last, at)
}

func (a *audience) put(s *sub, pos int) {
	a.list[pos] = s
	s.pos = int32(pos)
}

// audience is the list that s is in.
func (s *sub) audience() *audience {
	if s.class == classNone {
		return &s.part.live[s.conn.encoding]
	}
	return &s.part.classes[s.class].audience
}

// broadcast begins the rounds of one live chunk in some audiences, and returns
// how many pushes it has made by that.
func (w *worker) broadcast(r round, to ...*audience) (pushes int) {
	r.chunk.pool.startPush(r.chunk, len(to))
	r.part.rounds += len(to)
	for _, a := range to {
		pushes += w.begin(a, r)
	}
	return pushes
}

// begin sends r to everybody in a: at once if they are few, otherwise a slice per
// turn, so that the shard's other topics and its inbox do not wait. A round that
// is under way is finished first. It returns how many pushes it has made of r.
func (w *worker) begin(a *audience, r round) (pushes int) {
	w.complete(a)
	a.round, a.left, a.open = r, len(a.list), true
	if a.left > w.core.slice || r.compression != nil {
		w.rounds = append(w.rounds, a)
		return 0
	}
	pushes = a.left
	w.complete(a)
	return pushes
}

// proceed gives the round that waits longest one slice: of pushes, or of
// compression before them.
func (w *worker) proceed() {
	if len(w.rounds) == 0 {
		return
	}
	a := w.rounds[0]
	copy(w.rounds, w.rounds[1:])
	w.rounds = w.rounds[:len(w.rounds)-1]
	if !a.open {
		return // completed by a command
	}
	if a.round.compression != nil && a.left > 0 {
		w.compressLive(&a.round)
	} else {
		w.push(a, w.core.slice)
		w.splice(a.round.instant)
	}
	if a.left > 0 {
		w.rounds = append(w.rounds, a)
		return
	}
	w.close(a)
}

// complete brings the round of a, if there is one, to its end now. What is not
// compressed yet goes as it is.
func (w *worker) complete(a *audience) {
	if a.open {
		w.push(a, a.left)
		w.close(a)
	}
}

// completeTicks brings the ticks of p that are under way to their end now.
func (w *worker) completeTicks(p *part) {
	for _, k := range p.classes {
		if k != nil {
			w.complete(&k.audience)
		}
	}
}

// close ends the round of a, which everybody has had.
func (w *worker) close(a *audience) {
	p, ch, taken := a.round.part, a.round.chunk, a.round.taken
	if k := a.round.compression; k != nil {
		k.free(false)
	}
	a.round, a.open = round{}, false
	if p == nil {
		return
	}
	ch.pool.endPush(ch, taken)
	if p.rounds--; p.rounds == 0 && p.watchers > 0 && p.seq > p.sealed {
		w.schedule(p) // what came meanwhile
	}
}

// warmAhead is how many connections are looked at before the first of them is
// pushed to: as a push ends in an atomic that waits for memory, one that has
// left the caches would else be waited for alone. 8 makes 63 ns of 87 at
// 100,000 connections; 32 is more than the processor keeps in flight.
const warmAhead = 8

// push serves up to n of those who are owed the round.
func (w *worker) push(a *audience, n int) {
	if a.round.chunk == nil {
		for ; n > 0 && a.left > 0; n-- {
			a.left--
			w.tickTo(a.list[a.left])
		}
		return
	}
	end := max(0, a.left-n)
	ch := a.round.chunk
	for a.left > end {
		group := max(end, a.left-warmAhead)
		for _, s := range a.list[group:a.left] {
			s.conn.ring.PrefetchPush()
		}
		for a.left > group {
			a.left--
			if w.pushTo(a.list[a.left], ch) {
				a.round.taken++
			}
		}
	}
}

// catchUp serves s now if it is owed the round of its audience, so that what a
// command does to it comes behind.
func (w *worker) catchUp(s *sub) {
	a := s.audience()
	if int(s.pos) >= a.left {
		return
	}
	a.serve(s)
	if a.round.chunk == nil {
		w.tickTo(s)
	} else if w.pushTo(s, a.round.chunk) {
		a.round.taken++
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
