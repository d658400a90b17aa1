package shard

// The functions of this file report whether a body can be sent in this turn: it is
// encoded already, or it is small enough to be encoded now. Otherwise the subscription
// waits for a build.

// subscribeReady reports whether the first snapshot of s can be sent now.
func (w *worker) subscribeReady(s *sub) bool {
	p := s.shard
	kind := s.conn.snapshotKind(p)
	return p.cache.frames[kind-bodySnapshot] != nil || p.cache.byKey[bodyKey{kind: kind}] != nil || !w.exceedsSlice(p, 0)
}

// recoveryReady reports whether a lagged snapshot for s, and what goes with it (a
// roster frame and a corrected snapshot), can be sent now.
func (w *worker) recoveryReady(s *sub, since uint64) bool {
	p := s.shard
	start := p.roundDown(since)
	k := bodyKey{since: start, kind: s.conn.snapshotKind(p)}
	if w.rosterExceedsSlice(p, start) {
		return false
	}
	return p.fixed <= start && p.cache.byKey[k] != nil || !w.exceedsSlice(p, start)
}

// exceedsSlice reports whether what changed in p after update since is more than a
// slice. It looks at no more memberships than that.
func (w *worker) exceedsSlice(p *topicShard, since uint64) bool {
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
