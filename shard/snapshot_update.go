package shard

import "slices"

// snapshotUpdate is a new map on its way into a shard. Its difference from the old
// one comes in pieces of a few devices of one topic, as many to a turn as are a
// slice, so that neither the other topics nor the inbox wait for the whole.
//
// A device belongs to a topic as the old map has it until the piece that says
// otherwise is applied, and as the new one has it from then on; a piece is one
// step, so the roster frame stands in front of the last values of those it
// adds, and nothing of those it removes comes behind it. A device that is heard
// of for the first time meanwhile goes by the new map, but for topics whose
// piece with it is still to come: that one takes it in.
type snapshotUpdate struct {
	pieces []change
	next   int // the first that is not applied
	op     *op // the command to finish behind the last, once it has come
}

func (t *snapshotUpdate) unfinished() bool { return t.next < len(t.pieces) }

// movePushes is what a device that joins or leaves a topic costs, in pushes.
const movePushes = 16

// pieceDevices is how many joins and leaves a piece has at most: a slice.
func (c *Core) pieceDevices() int { return max(1, c.slice/movePushes) }

// beginUpdate begins to take over a new snapshot, if there is one. The one before has
// been taken over: Swap has waited for that.
func (w *worker) beginUpdate(s *Snapshot) {
	if s == w.snap {
		return
	}
	w.snap = s
	w.updating.pieces, w.updating.next = s.changes[w.id], 0
}

// continueUpdate applies a slice's worth of pieces.
func (w *worker) continueUpdate() {
	t := &w.updating
	for pushes := 0; pushes < w.core.slice && t.unfinished(); {
		c := &t.pieces[t.next]
		if c.shard.ticking() {
			return // its frame would have the whole round brought to its end before
		}
		t.next++
		pushes += movePushes*(len(c.added)+len(c.removed)) + w.applyRoster(c)
	}
	if o := t.op; o != nil && !t.unfinished() {
		t.op = nil
		o.finish()
	}
}

// ticking reports whether a round of one of the part's classes is under way.
func (p *topicShard) ticking() bool {
	for _, k := range p.classes {
		if k != nil && k.open {
			return true
		}
	}
	return false
}

// awaits reports whether device id joins p with a piece that is still to come.
func (w *worker) awaits(p *topicShard, id string) bool {
	t := &w.updating
	if !t.unfinished() {
		return false
	}
	at, ok := w.snap.starts[p]
	for at = max(at, t.next); ok && at < len(t.pieces) && t.pieces[at].shard == p; at++ {
		if _, is := slices.BinarySearch(t.pieces[at].added, id); is {
			return true
		}
	}
	return false
}
