package shard

// rosterChange is how a device last joined or left a part. Both: it left the
// map, and belongs to the event all the same.
type rosterChange struct {
	seq            uint64
	added, removed bool
}

// maxRosterLog bounds how many joins and leaves a part remembers for those who
// lag. Beyond it the oldest half is forgotten.
const maxRosterLog = 16384

// reroster carries out a change of a topic's devices on this shard.
func (w *worker) reroster(c *change) {
	p := c.part
	for _, id := range c.removed {
		if d := w.devices[id]; d != nil {
			p.leave(d, &w.values)
			if len(d.nodes) == 0 && !d.orphan {
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
	ch := &Chunk{body: frame, part: p, since: p.seq - 1}
	for _, k := range p.classes {
		if k != nil {
			w.begin(&k.audience, round{chunk: ch, due: never})
		}
	}
	w.splice(0)
}

func (p *part) noteRoster(c *change) {
	p.rostered = p.seq
	if p.roster == nil {
		p.roster = make(map[string]rosterChange)
	}
	if len(p.roster) > maxRosterLog {
		for id, r := range p.roster {
			if r.seq < p.seq/2 {
				delete(p.roster, id)
			}
		}
	}
	for _, id := range c.added {
		p.roster[id] = rosterChange{seq: p.seq, added: true}
	}
	for _, id := range c.removed {
		p.roster[id] = rosterChange{seq: p.seq, removed: true}
	}
}

// rosterSince returns a roster frame with at least the joins and leaves after
// update since, nil when there were none.
func (w *worker) rosterSince(p *part, since uint64) *Chunk {
	if p.rostered <= since {
		return nil
	}
	since = p.roundDown(since)
	k := bodyKey{since, formRoster}
	if ch := p.bodies.byKey[k]; ch != nil {
		return ch
	}
	var added, removed []string
	for id, r := range p.roster {
		if r.seq <= since {
			continue
		}
		if r.added {
			added = append(added, id)
		}
		if r.removed {
			removed = append(removed, id)
		}
	}
	ch := &Chunk{body: p.topic.frames.AppendRosterFrame(nil, added, removed), part: p, since: since, kind: chunkLagged}
	p.bodies.keep(k, ch)
	return ch
}
