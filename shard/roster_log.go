package shard

import "math"

// rosterChange is a device that joined or left a topic with an update. Both are set
// for one that left and joined again.
type rosterChange struct {
	device         string
	seq            uint64
	added, removed bool
}

// rosterLog is what a topic shard remembers of joins and leaves, oldest first, for
// those who lag or come back.
type rosterLog struct {
	changes []rosterChange
	bytes   int
	// completeSince is the update after which no join or leave is missing here. A
	// connection that has lost more gets whole snapshots instead: see renewal.
	completeSince uint64
}

const (
	maxRosterBytes = 1 << 20 // of the log of one topic shard
	changeBytes    = 40      // of a change without the device's id
)

// newest is the number of the last join or leave.
func (l *rosterLog) newest() uint64 {
	if len(l.changes) == 0 {
		return 0
	}
	return l.changes[len(l.changes)-1].seq
}

// add appends a change. When the log exceeds most bytes, it drops the older half of
// them, so that dropping costs little per change.
func (l *rosterLog) add(m rosterChange, most int) {
	l.changes = append(l.changes, m)
	l.bytes += changeBytes + len(m.device)
	if l.bytes > most {
		l.forget(most / 2)
	}
}

// forget drops the oldest changes until the log has at most so many bytes.
func (l *rosterLog) forget(most int) {
	n := 0
	for ; n < len(l.changes) && l.bytes > most; n++ {
		l.bytes -= changeBytes + len(l.changes[n].device)
		l.completeSince = l.changes[n].seq
	}
	kept := copy(l.changes, l.changes[n:])
	clear(l.changes[kept:])
	l.changes = l.changes[:kept]
}

// after is the index of the first change after update since.
func (l *rosterLog) after(since uint64) int {
	i := len(l.changes)
	for i > 0 && l.changes[i-1].seq > since {
		i--
	}
	return i
}

func (w *worker) logRoster(p *topicShard, c *change) {
	for _, id := range c.added {
		w.logChange(p, rosterChange{device: id, added: true})
	}
	for _, id := range c.removed {
		w.logChange(p, rosterChange{device: id, removed: true})
	}
}

// logChange remembers that a device has joined or left with the last update.
func (w *worker) logChange(p *topicShard, m rosterChange) {
	before, most := p.roster.completeSince, w.core.rosterBytes
	m.seq = p.seq
	if p.watchers > 0 {
		p.roster.add(m, most)
		w.noteTrimmed(p, before)
		return
	}
	if w.second < w.core.completeFrom.Load() {
		return // nobody can ask for it: later subscribers start from the roster of their time
	}
	p.roster.add(m, min(most, maxUnwatchedRoster))
	w.noteTrimmed(p, before)
	w.countHistory(p)
}

// sendRoster sends s a roster frame with at least the joins and leaves after update
// since, if there were any. It leaves out those that are pending for s: they come after
// the pending positions.
func (w *worker) sendRoster(s *sub, since uint64) {
	p := s.shard
	to := p.roster.newest()
	if s.class == classNone {
		to = min(to, max(p.sealed, p.pending[s.conn.encoding.uncompressed()].from))
	}
	if to <= since {
		return
	}
	if ch := w.rosterFrom(p, p.roundDown(since), to); ch != nil {
		w.send(s.conn, ch)
	}
}

// rosterFrom returns a roster frame with the joins and leaves after update since up to
// update to, nil if there were none. The caller sends the positions of all devices that
// changed after since next: the frame removes the devices that have left and come back.
func (w *worker) rosterFrom(p *topicShard, since, to uint64) *Chunk {
	k := bodyKey{since, bodyRoster, to}
	ch := p.cache.byKey[k]
	if ch == nil {
		p.cache.makeRoom()
		r := newRosterBuild(&p.roster, since, to)
		r.advance(p, math.MaxInt)
		ch = r.frame
		p.cache.put(k, ch)
	}
	if ch.Len() == 0 {
		return nil
	}
	return ch
}
