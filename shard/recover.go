package shard

import "pitwall/codec"

// recover carries out opRecover on this shard: every subscription of the connection
// that lost something gets what changed since.
func (w *worker) recover(o *op) {
	c := o.conn
	if c.subs == nil || c.Closed() {
		return
	}
	for s := c.subs[w.id]; s != nil; s = s.next {
		w.catchUp(s)
		if s.recovering() { // it is paused: nothing live was pushed to it that the writer could have dropped
			continue
		}
		if _, _, lost := s.lost(o.losses); lost && s.class == classNone {
			// A pending position of a device that has left may be older than what the
			// spectator sees, if the corrected frame before it is among what was lost.
			w.sealLeavers(s.shard)
			w.catchUp(s)
		}
		since, updates, lost := s.lost(o.losses)
		if lost && since < s.shard.roster.completeSince {
			w.pauseSub(s)
			o.renewals[w.id] = append(o.renewals[w.id], s.renewal())
			continue
		}
		if lost {
			s.cancelWait()
			if !w.recoveryReady(s, since) {
				s.conflated += updates
				w.awaitLost(s, since, o)
				continue
			}
		}
		s.epoch = o.epoch
		if lost {
			w.recoverSub(s, since, updates)
		}
	}
}

// recoverSub sends s what changed after since. updates is how many lost updates
// s.conflated does not count yet.
func (w *worker) recoverSub(s *sub, since, updates uint64) {
	w.count[countRecoveries]++
	conflated := s.conflated + updates
	s.missed, s.conflated = false, 0
	if s.class != classNone {
		s.since = s.shard.sealed
	}
	w.sendMissed(s, since, codec.SnapshotLagged, conflated)
}

// sendMissed sends s what changed after since: joins and leaves, positions, corrections.
// It returns the bytes of the two snapshots.
func (w *worker) sendMissed(s *sub, since uint64, reason string, conflated uint64) (bytes int) {
	w.sendRoster(s, since)
	bytes = w.sendLagged(s, since, reason, conflated)
	if start := s.shard.roundDown(since); s.shard.fixed > start { // the lagged snapshot leaves corrections out
		ch := w.corrected(s.shard, start, s.shard.sealed)
		bytes += ch.Len()
		w.sendFrame(s.conn, ch)
	}
	return bytes
}

// lost returns what s has lost: what was not pushed to it, and what the writer has
// dropped. A subscription of an interval class always lacks everything since its last
// tick.
func (s *sub) lost(losses []loss) (since, updates uint64, lost bool) {
	since, lost = s.since, s.missed
	for i := range losses {
		l := &losses[i]
		if l.shard != s.shard {
			continue
		}
		if !lost && s.class == classNone {
			since = l.since
		}
		return min(since, l.since), l.updates, true
	}
	return since, 0, lost
}
