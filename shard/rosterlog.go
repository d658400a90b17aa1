package shard

// move is a device that joined or left a part with an update. Both: it left,
// and belongs to the event all the same.
type move struct {
	device         string
	seq            uint64
	added, removed bool
}

// rosterLog is what a part remembers of joins and leaves, oldest first, for
// those who lag. It remembers nothing while nobody watches.
type rosterLog struct {
	moves []move
	bytes int
	// whole is the update after which no join or leave is missing here. What a
	// spectator has lost from before it can no longer be told one by one: see
	// renew.
	whole uint64
}

// maxRosterBytes bounds the log of one part, and moveBytes is what a move takes
// next to the device's id.
const (
	maxRosterBytes = 1 << 20
	moveBytes      = 40
)

// newest is the number of the last join or leave.
func (l *rosterLog) newest() uint64 {
	if len(l.moves) == 0 {
		return 0
	}
	return l.moves[len(l.moves)-1].seq
}

// add appends a move. Beyond most bytes the older half is forgotten.
func (l *rosterLog) add(m move, most int) {
	l.moves = append(l.moves, m)
	l.bytes += moveBytes + len(m.device)
	if l.bytes > most {
		l.forget(most / 2)
	}
}

// forget drops the oldest moves until the log has at most so many bytes.
func (l *rosterLog) forget(most int) {
	n := 0
	for ; n < len(l.moves) && l.bytes > most; n++ {
		l.bytes -= moveBytes + len(l.moves[n].device)
		l.whole = l.moves[n].seq
	}
	kept := copy(l.moves, l.moves[n:])
	clear(l.moves[kept:])
	l.moves = l.moves[:kept]
}

// between returns the devices that joined or left after update since, up to
// update to. One that has left and joined again is in both lists: what it comes
// with may be older than what is shown of it.
func (l *rosterLog) between(since, to uint64) (added, removed []string) {
	moves := l.moves[l.after(since):]
	x := merged{places: make(map[string]int, len(moves)), last: make([]move, 0, len(moves))}
	for _, m := range moves {
		if m.seq > to {
			break
		}
		x.add(m)
	}
	for _, m := range x.last {
		if m.added {
			added = append(added, m.device)
		}
		if m.removed {
			removed = append(removed, m.device)
		}
	}
	return added, removed
}

// merged are moves with one of each device.
type merged struct {
	places map[string]int // in last
	last   []move
}

func (x *merged) add(m move) {
	if i, ok := x.places[m.device]; ok {
		x.last[i].added, x.last[i].removed = m.added, m.removed || x.last[i].removed
		return
	}
	x.places[m.device] = len(x.last)
	x.last = append(x.last, m)
}

// after is the place of the first move after update since.
func (l *rosterLog) after(since uint64) int {
	i := len(l.moves)
	for i > 0 && l.moves[i-1].seq > since {
		i--
	}
	return i
}

func (w *worker) noteRoster(p *part, c *change) {
	for _, id := range c.added {
		w.noteMove(p, move{device: id, added: true})
	}
	for _, id := range c.removed {
		w.noteMove(p, move{device: id, removed: true})
	}
}

// noteMove remembers that a device has joined or left with the last update.
func (w *worker) noteMove(p *part, m move) {
	if p.watchers == 0 {
		return // later subscribers start from the roster of then
	}
	m.seq = p.seq
	p.roster.add(m, w.core.moveBytes)
}

// rosterSince returns a roster frame for s with at least the joins and leaves
// after update since, except those that are pending for it: they stand after
// the positions that are. It is nil when there were none.
func (w *worker) rosterSince(s *sub, since uint64) *Chunk {
	p := s.part
	to := p.roster.newest()
	if s.class == classNone {
		to = min(to, max(p.sealed, p.pending[s.conn.shape.text()].from))
	}
	if to <= since {
		return nil
	}
	return w.rosterFrom(p, p.roundDown(since), to)
}

// rosterFrom returns a roster frame with the joins and leaves after update since
// up to update to, nil when there were none. The positions that come after it must
// be of all devices that changed after since: it has those that it names removed.
func (w *worker) rosterFrom(p *part, since, to uint64) *Chunk {
	k := bodyKey{since, formRoster, to}
	ch := p.bodies.byKey[k]
	if ch == nil {
		p.bodies.room()
		ch = &Chunk{kind: chunkSnapshot}
		if added, removed := p.roster.between(since, to); len(added)+len(removed) > 0 {
			ch.body = p.topic.frames.AppendRosterFrame(nil, added, removed)
		}
		p.bodies.keep(k, ch)
	}
	if ch.Len() == 0 {
		return nil
	}
	return ch
}
