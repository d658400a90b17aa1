package shard

// What is ready is small enough to be encoded in this turn, or has been already.

// readySubscribed reports whether a snapshot for s is.
func (w *worker) readySubscribed(s *sub) bool {
	p := s.part
	f := s.conn.snapshots(p)
	return p.bodies.subscribed[f-formSnapshot] != nil || p.bodies.byKey[bodyKey{form: f}] != nil || !w.heavy(p, 0)
}

// readyLost reports whether a lagged snapshot for s, and what goes with it, are: a
// roster frame, and a corrected snapshot.
func (w *worker) readyLost(s *sub, since uint64) bool {
	p := s.part
	start := p.roundDown(since)
	k := bodyKey{since: start, form: s.conn.snapshots(p)}
	if w.heavyRoster(p, start) {
		return false
	}
	return p.fixed <= start && p.bodies.byKey[k] != nil || !w.heavy(p, start)
}

// heavy reports whether what changed in p after update since is more than a slice.
func (w *worker) heavy(p *part, since uint64) bool {
	most := &w.core.building
	devices, size := 0, 0
	for n := p.last; n != nil && n.seq > since; n = n.prev {
		devices++
		size += len(n.dev.val.buf)
		if devices > most.devices || size > most.copied {
			return true
		}
	}
	return false
}
