package shard

import "slices"

// snapshotUpdate is a new map that a shard is applying. The difference from the old
// map comes in pieces: a few devices of one topic each. A turn applies a slice of
// pieces, so that neither the other topics nor the inbox wait for the whole.
//
// The old map holds for a device and topic until their piece is applied, and the new one
// from then on. A piece is applied in one step: its roster frame comes before the last
// values of the devices that it adds, and nothing of the devices that it removes comes
// after the frame. A device that is first heard of meanwhile follows the new map, except
// for topics to which a later piece adds it.
type snapshotUpdate struct {
	pieces []change
	next   int // the first that is not applied
	op     *op // to finish after the last piece; nil until the command has come
}

func (t *snapshotUpdate) unfinished() bool { return t.next < len(t.pieces) }

// movePushes is the cost of a device that joins or leaves a topic, in pushes.
const movePushes = 16

// pieceDevices is how many joins and leaves a piece has at most: a slice.
func (c *Core) pieceDevices() int { return max(1, c.slice/movePushes) }

// beginUpdate begins to apply a new snapshot, if s is one. The one before has been
// applied: Swap waits for that.
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
			return // its frame would have to finish the whole tick in this turn
		}
		t.next++
		pushes += movePushes*(len(c.added)+len(c.removed)) + w.applyRoster(c)
	}
	if o := t.op; o != nil && !t.unfinished() {
		t.op = nil
		o.finish()
	}
}

// ticking reports whether a broadcast to an interval class of p is under way.
func (p *topicShard) ticking() bool {
	for _, k := range p.classes {
		if k != nil && k.sending {
			return true
		}
	}
	return false
}

// awaits reports whether a piece that is still to come adds device id to p.
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
