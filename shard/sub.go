package shard

// sub is a connection's subscription to a topic on one shard. Only that shard
// touches it.
type sub struct {
	conn *Conn
	part *part
	next *sub // the connection's other subscriptions on this shard

	class int // interval class, or classNone for the live flow
	pos   int // its place in part.live[shape] or in the class's list

	// since is the last update it has, for a sub of a class; for a sub of the
	// live flow that was found full, the last before its first loss.
	since     uint64
	missed    bool
	opened    uint32 // the flow as the last recovery that was carried out here has left it
	conflated uint64 // updates it was not sent one by one since it was found full
}

// miss notes that ch could not be pushed.
func (s *sub) miss(ch *Chunk) {
	if !s.missed && s.class == classNone {
		s.since = ch.since
	}
	s.missed = true
	s.conflated += uint64(ch.records)
}

func (c *Conn) subOf(p *part) *sub {
	for s := c.subs[p.index]; s != nil; s = s.next {
		if s.part == p {
			return s
		}
	}
	return nil
}

// subscribe carries out opSubscribe on this shard.
func (w *worker) subscribe(o *op) {
	p, c := o.topic.parts[w.id], o.conn
	if c.Closed() {
		return
	}
	if s := c.subOf(p); s != nil {
		w.changeClass(s, o.class)
		return
	}
	if p.watchers == 0 { // nobody is owed anything
		p.sealed = p.seq
	}
	p.watchers++
	s := &sub{conn: c, part: p, class: o.class, next: c.subs[w.id], opened: c.opened()}
	c.subs[w.id] = s
	w.send(c, w.subscribed(p, c.snapshots(p)))
	if o.class == classNone {
		w.enterLive(s)
		return
	}
	s.since = p.sealed
	w.enterClass(s)
	if ch := w.rosterSince(s, s.since); ch != nil {
		w.send(c, ch)
	}
}

// enterLive adds s to the live flow. What is pending is for it too, so where
// its shape was not kept so far it is built now.
func (w *worker) enterLive(s *sub) {
	p, sh := s.part, s.conn.shape
	if text := sh.text(); !p.wants(text) && p.seq > p.sealed {
		for n, _ := p.firstSince(p.sealed); n != nil; n = n.next {
			w.open(p, text).add(p.topic.frames, text, n.dev.val.buf)
		}
		p.pending[text].from = p.seq
	}
	p.live[sh].add(s)
}

func (w *worker) leaveLive(s *sub) {
	p, sh := s.part, s.conn.shape
	p.live[sh].cut(s)
	if text := sh.text(); !p.wants(text) {
		if c := p.pending[text].take(p.topic.frames); c != nil {
			w.pool.put(c)
		}
	}
}

// unsubscribe carries out opUnsubscribe on this shard.
func (w *worker) unsubscribe(o *op) {
	p := o.topic.parts[w.id]
	for at := &o.conn.subs[w.id]; *at != nil; at = &(*at).next {
		if s := *at; s.part == p {
			*at = s.next
			w.drop(s)
			return
		}
	}
}

// leave carries out opLeave on this shard.
func (w *worker) leave(o *op) {
	s := o.conn.subs[w.id]
	o.conn.subs[w.id] = nil
	for ; s != nil; s = s.next {
		w.drop(s)
	}
}

func (w *worker) drop(s *sub) {
	if s.class == classNone {
		w.leaveLive(s)
	} else {
		w.leaveClass(s)
	}
	p := s.part
	if p.watchers--; p.watchers == 0 {
		w.settle(p)
		p.bodies.reset()
		w.alarms.stop(&p.alarm)
		p.roster = rosterLog{}
	}
}

// changeClass moves a subscription between the live flow and the intervals.
// Nothing is sent twice and nothing is left out.
func (w *worker) changeClass(s *sub, class int) {
	w.catchUp(s)
	switch {
	case s.class == class:
	case s.class == classNone:
		w.leaveLiveFor(s, class)
	case class == classNone:
		w.sealLeavers(s.part)
		w.leaveClass(s)
		s.class = classNone
		w.enterLive(s)
		if s.missed {
			return // the recovery that is to come brings it, behind the roster
		}
		if ch := w.changes(s.part, s.conn.shape, s.since); ch != nil {
			w.pushTo(s, ch)
		}
	default:
		w.leaveClass(s)
		s.class = class
		w.enterClass(s)
	}
}

// sealLeavers seals p now if a position is pending of a device that has left
// since. Those with an interval were told so at once, and one who joins the live
// flow would be shown it behind. It is rare, and at most once for each piece of
// a map, so a push of p that is under way may be brought to its end by it.
func (w *worker) sealLeavers(p *part) {
	if p.left > p.sealed {
		w.alarms.stop(&p.alarm)
		w.seal(p, w.now)
	}
}

// leaveLiveFor moves s from the live flow to a class: what it has is the last
// seal, or less if it has missed something. The ticks bring the positions that
// were pending; the roster changes among them are sent now.
func (w *worker) leaveLiveFor(s *sub, class int) {
	since := s.part.sealed
	if s.missed {
		since = min(since, s.since)
	}
	w.leaveLive(s)
	s.class, s.since = class, since
	w.enterClass(s)
	if s.missed {
		return // the recovery that is to come brings it, in front of what it is about
	}
	if ch := w.rosterSince(s, since); ch != nil {
		w.send(s.conn, ch)
	}
}

// recover carries out opRecover: every subscription of the connection that
// lost something gets what changed since.
func (w *worker) recover(o *op) {
	c := o.conn
	if c.subs == nil || c.Closed() {
		return
	}
	for s := c.subs[w.id]; s != nil; s = s.next {
		w.catchUp(s)
		s.opened = o.opened
		since, updates, lost := s.lost(o.losses)
		if !lost {
			continue
		}
		w.count.recoveries++
		conflated := s.conflated + updates
		s.missed, s.conflated = false, 0
		if s.class != classNone {
			s.since = s.part.sealed
		}
		if ch := w.rosterSince(s, since); ch != nil {
			w.send(c, ch)
		}
		w.sendLagged(s, since, conflated)
		if start := s.part.roundDown(since); s.part.fixed > start { // what the lagged one has left out
			w.sendHeaded(c, w.corrected(s.part, start, s.part.sealed))
		}
	}
}

// lost returns what s has lost, by its own note and by the writer's. A sub of a
// class is owed everything since its last tick in any case.
func (s *sub) lost(losses []loss) (since, updates uint64, lost bool) {
	since, lost = s.since, s.missed
	for i := range losses {
		l := &losses[i]
		if l.part != s.part {
			continue
		}
		if !lost && s.class == classNone {
			since = l.since
		}
		return min(since, l.since), l.updates, true
	}
	return since, 0, lost
}
