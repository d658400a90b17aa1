package shard

// rosterChange is how a device last joined or left a part. Both: it left, and
// belongs to the event now or all the same.
type rosterChange struct {
	seq            uint64
	added, removed bool
	before         *rosterChange // the one before it, while it is pending
}

// rosterLog is what a part remembers of joins and leaves for those who lag; of
// each device the last up to the seal and those since, and nothing while nobody
// watches.
type rosterLog struct {
	by     map[string]rosterChange
	newest uint64 // number of the last join or leave
	bound  int    // of by; see trim
}

// maxRosterLog is how many joins and leaves a part remembers before it looks
// for some to forget.
const maxRosterLog = 16384

// reroster carries out a change of a topic's devices on this shard: the roster
// frame, then the last value of the devices that joined. One that leaves its
// last topic and has another by the new map is no orphan in between: it could
// be forgotten as one.
func (w *worker) reroster(c *change) {
	p := c.part
	for _, id := range c.removed {
		if d := w.devices[id]; d != nil {
			p.leave(d, &w.values)
			if len(d.nodes) == 0 && !d.orphan && len(w.snap.Topics(id)) == 0 {
				w.abandon(d)
			}
		}
	}
	p.bodies.reset()
	p.seq++
	p.noteRoster(c)
	w.announce(p, p.topic.frames.AppendRosterFrame(nil, c.added, c.removed))
	for _, id := range c.added {
		d := w.devices[id]
		if d == nil {
			continue // not heard of: its first record finds the topic
		}
		if d.orphan {
			d.orphan = false
			w.orphans.remove(d)
			w.stats.orphanDevices.Store(int64(w.orphans.n))
		}
		n := p.join(d)
		if d.val != nil {
			w.change(n, nil, 0)
		}
	}
}

// announce puts a frame into the live flow of a part, and sends it at once to
// those who asked for an interval.
func (w *worker) announce(p *part, frame []byte) {
	if p.watchers == 0 {
		return
	}
	for s := range texts {
		if p.wants(s) {
			w.open(p, s).frame(p.topic.frames, frame)
		}
	}
	w.schedule(p)
	ch := &Chunk{body: frame, part: p, since: p.seq - 1, sealed: w.now}
	for _, k := range p.classes {
		if k != nil {
			w.begin(&k.audience, round{chunk: ch, due: never})
		}
	}
	w.splice(0)
}

func (p *part) noteRoster(c *change) {
	for _, id := range c.added {
		p.noteMove(id, rosterChange{seq: p.seq, added: true})
	}
	for _, id := range c.removed {
		p.noteMove(id, rosterChange{seq: p.seq, removed: true})
	}
}

// noteMove remembers that a device has joined or left with the last update. One
// that has left and joins again is told as both: what it comes with may be older
// than what those show who have missed that it left.
func (p *part) noteMove(id string, r rosterChange) {
	if p.watchers == 0 {
		return // who comes later starts from the roster of then
	}
	l := &p.roster
	if l.by == nil {
		l.by, l.bound = make(map[string]rosterChange), maxRosterLog
	}
	if len(l.by) >= l.bound {
		l.trim(p.seq / 2)
	}
	if last, ok := l.by[id]; ok {
		r.removed = r.removed || r.added && last.removed
		old := last // on the heap, and only here
		if old.seq <= p.sealed {
			old.before = nil
		}
		r.before = &old
	}
	l.by[id], l.newest = r, p.seq
}

// trim forgets what came before update since. Where that is little the bound
// grows, so that the next look pays: there are only so many devices.
func (l *rosterLog) trim(since uint64) {
	for id, r := range l.by {
		if r.seq < since {
			delete(l.by, id)
		}
	}
	l.bound = max(maxRosterLog, 2*len(l.by))
}

// rosterSince returns a roster frame for s with at least the joins and leaves
// after update since, but for those that are pending for it: they stand behind
// the positions that are. It is nil when there were none.
func (w *worker) rosterSince(s *sub, since uint64) *Chunk {
	p := s.part
	to := p.roster.newest
	if s.class == classNone {
		to = min(to, max(p.sealed, p.pending[s.conn.shape.text()].from))
	}
	if to <= since {
		return nil
	}
	since = p.roundDown(since)
	k := bodyKey{since, formRoster, to}
	ch := p.bodies.byKey[k]
	if ch == nil {
		p.bodies.room()
		ch = p.rosterBetween(since, to)
		p.bodies.keep(k, ch)
	}
	if ch.Len() == 0 {
		return nil
	}
	return ch
}

// rosterBetween returns a roster frame with the devices whose last move up to
// update to came after update since; an empty chunk when there is none.
func (p *part) rosterBetween(since, to uint64) *Chunk {
	var added, removed []string
	for id, r := range p.roster.by {
		for r.seq > to && r.before != nil {
			r = *r.before
		}
		if r.seq <= since || r.seq > to {
			continue
		}
		if r.added {
			added = append(added, id)
		}
		if r.removed {
			removed = append(removed, id)
		}
	}
	ch := &Chunk{kind: chunkSnapshot}
	if len(added)+len(removed) > 0 {
		ch.body = p.topic.frames.AppendRosterFrame(nil, added, removed)
	}
	return ch
}
