package shard

import "slices"

// build encodes a state of a topic shard that is too large for one turn. The state is
// whole, or what changed after an update, and becomes a snapshot or live frames. Each
// turn makes one slice, while the subscribers that need it wait; endWait sends them the
// result. It shows the state at base, the last seal when the build began.
//
// The memberships are copied from the newest to the oldest, while positions and seals go
// on. If a membership changes before it is copied, its value at base is pinned: by the
// change or, if the value was pending when the build began, by the seal that would
// release it. Pinned values are copied last. So each device of base is in the result
// exactly once, with its value at base. After a correction, or a change of the topic's
// devices, base must not be shown any more, and the build begins again. Only one build
// of a topic shard copies at a time, because a membership has one mark for it; the
// others wait.
type build struct {
	shard *topicShard
	since uint64   // the build holds what changed after this update; 0 for all
	kind  bodyKind // bodySnapshot, bodyLagged, bodyPlain or bodyBatch

	id   uint64 // the mark on memberships that are copied or pinned; 0: the build has not begun
	cuts uint64 // snapshotCache.invalidations when it began
	base uint64

	roster     *rosterBuild // the roster frame before a lagged snapshot, if it is more than a slice
	nextToCopy *membership
	pinned     []pinned

	body            section // the end of a snapshot frame, position frames, or the payload of a positions frame
	fixed           section // of a lagged snapshot: the end of the corrected snapshot that goes with it
	built           bool    // both are complete
	compressed      store   // body compressed; empty if that is not shorter
	compressedTo    int     // how much of body is compressed
	compressionDone bool    // all of body is

	frames  [2]*Chunk   // what the waiters get, plain and compressed; see frame
	waiters [2][]waiter // for the plain frame and for the compressed one
	waiting [2]int      // how many of them have not been cancelled
}

// section is a list of positions that is being built.
type section struct {
	store
	records uint32
}

// pinned is a value that its membership has lost.
type pinned struct {
	value *value
	fixed bool // it belongs to build.fixed
}

// buildBounds bound one slice of a build, so that a turn stays short however large
// the state is: each bound is a fraction of a millisecond.
type buildBounds struct {
	devices    int // looked at
	copied     int // bytes of values; the last value may exceed it
	compressed int // bytes compressed
	moved      int // bytes copied to larger memory
	serves     int // waiters that get their snapshot
}

// defaultBounds are the bounds of every core; tests set smaller ones.
var defaultBounds = buildBounds{devices: 512, copied: 128 << 10, compressed: 64 << 10, moved: 128 << 10, serves: 64}

// continueBuild does one slice of the build that has waited longest among those that can
// go on.
func (w *worker) continueBuild() {
	for range len(w.builds) {
		b := w.builds[0]
		w.builds = slices.Delete(w.builds, 0, 1)
		worked := b.hasWaiters() && w.advanceBuild(b)
		if b.hasWaiters() {
			w.builds = append(w.builds, b)
		} else {
			w.endBuild(b)
		}
		if worked {
			return
		}
	}
}

// advanceBuild does one slice of b. It returns false if b cannot begin now.
func (w *worker) advanceBuild(b *build) bool {
	p, moved := b.shard, w.core.building.moved
	switch {
	case b.id == 0 || b.cuts != p.cache.invalidations:
		if w.updating.unfinished() || p.build != nil && p.build != b { // it would soon begin again, or another build is copying
			return false
		}
		w.beginBuild(b)
	case b.body.moving():
		b.body.move(moved)
	case b.fixed.moving():
		b.fixed.move(moved)
	case b.compressed.moving():
		b.compressed.move(moved)
	case b.roster != nil && !b.roster.done:
		b.roster.advance(p, w.core.building.devices)
	case !b.built:
		w.copyMemberships(b)
	case !b.compressionDone && b.waiting[1] > 0:
		w.compressSlice(b)
	}
	if b.built && b.cuts == p.cache.invalidations {
		w.serveWaiters(b)
	}
	return true
}

// beginBuild starts b, or starts it again.
func (w *worker) beginBuild(b *build) {
	p := b.shard
	w.discardBuild(b)
	if p.cache.invalidated && p.seq > p.sealed { // joins and leaves are pending
		w.seal(p, w.now)
	}
	w.count[countBuilt]++
	w.lastBuild++
	*b = build{
		shard: p, since: b.since, kind: b.kind, waiters: b.waiters, waiting: b.waiting,
		id: w.lastBuild, cuts: p.cache.invalidations, base: p.sealed, nextToCopy: p.last,
	}
	p.build = b
	if b.kind == bodyLagged && w.rosterExceedsSlice(p, b.since) {
		b.roster = newRosterBuild(&p.roster, b.since, p.roster.newest())
	}
	b.body.store = newStore(&w.bodyPool, 2*w.core.building.copied)
	switch b.kind {
	case bodyPlain:
	case bodyBatch:
		b.body.ch.body = p.topic.frames.BeginPositionsBody(b.body.ch.body)
	default:
		b.body.ch.body = p.topic.frames.BeginSnapshotBody(b.body.ch.body)
	}
}

// discardBuild frees what has been built so far.
func (w *worker) discardBuild(b *build) {
	for _, x := range b.pinned {
		w.values.release(x.value)
	}
	b.pinned = nil
	for i, h := range b.frames {
		if h != nil && h != b.body.ch {
			h.endRetain()
		}
		b.frames[i] = nil
	}
	b.body.free(b.built)
	b.fixed.free(b.built)
	b.compressed.free(b.compressionDone)
}

// valueAt returns the value that n had at base, and whether it belongs to the
// corrected snapshot. current is n's value now. The result is nil if n had no value
// then, if the value is not for this build, or if the build has it already.
func (b *build) valueAt(n *membership, current *value) (v *value, fixed bool) {
	v, seq := n.valueAt(b.base, current)
	if n.built == b.id || seq <= b.since {
		return nil, false
	}
	switch b.kind {
	case bodySnapshot:
	case bodyLagged:
		fixed = n.fixed > b.since // also if it is newer than a correction that has not been sent
	default:
		if seq == n.fixed {
			return nil, false // it was sent as a correction
		}
	}
	return v, fixed
}

// pin keeps the value that n had at base for the build of p, if there is one: n is about
// to lose it. current is n's value now; nil if n loses only its old value. A change
// moves n in the list, so the build goes on from n's neighbour.
func (p *topicShard) pin(n *membership, current *value) {
	b := p.build
	if b == nil {
		return
	}
	if b.nextToCopy == n {
		b.nextToCopy = n.prev
	}
	if v, fixed := b.valueAt(n, current); v != nil {
		n.built = b.id
		v.refs++
		b.pinned = append(b.pinned, pinned{v, fixed})
	}
}

// copyMemberships copies a slice of values.
func (w *worker) copyMemberships(b *build) {
	end := b.size() + w.core.building.copied
	for range w.core.building.devices {
		if b.size() >= end {
			return
		}
		n, x := b.nextToCopy, pinned{}
		switch {
		case n != nil:
			x.value, x.fixed = b.valueAt(n, n.dev.val)
		case len(b.pinned) > 0:
			x = b.pinned[len(b.pinned)-1]
		default:
			w.finishBody(b)
			return
		}
		if x.value != nil && !w.add(b, x) {
			return // the store has to grow first
		}
		if n == nil {
			b.pinned = b.pinned[:len(b.pinned)-1]
			w.values.release(x.value)
			continue
		}
		if n.built = b.id; n.seq <= b.since {
			b.nextToCopy = nil // all older memberships are outside the build as well
			continue
		}
		b.nextToCopy = n.prev
	}
}

// size is how many bytes have been copied.
func (b *build) size() int {
	n := len(b.body.ch.body)
	if b.fixed.ch != nil {
		n += len(b.fixed.ch.body)
	}
	return n
}

// add appends a value. It returns false if there is no room yet.
func (w *worker) add(b *build, x pinned) bool {
	t, s, around := b.shard.topic.frames, &b.body, 3 // bytes of a comma and of the end of the list
	switch {
	case b.kind == bodyPlain:
		around = 64 + 6*len(t.Name())
	case x.fixed:
		if s = &b.fixed; s.ch == nil {
			s.store = newStore(&w.bodyPool, w.core.building.copied)
			s.ch.body = t.BeginSnapshotBody(s.ch.body)
		}
	}
	size := len(s.ch.body)
	if !s.fits(len(x.value.buf)+around, size/max(1, int(s.records))*w.devicesOf(b)) {
		return false
	}
	s.records++
	if b.kind == bodyPlain {
		s.ch.body = t.AppendPositionFrame(s.ch.body, x.value.buf)
	} else {
		s.ch.body = t.AppendItem(s.ch.body, x.value.buf)
	}
	return true
}

// devicesOf estimates how many devices b has. The estimate includes a reserve of an
// eighth.
func (w *worker) devicesOf(b *build) int {
	t := b.shard.topic
	n := w.snap.sizes[t] / len(t.shards)
	return int(min(uint64(n+n/8), b.base-b.since))
}

// finishBody ends the bodies of b when everything is copied.
func (w *worker) finishBody(b *build) {
	p := b.shard
	p.build = nil
	for _, s := range [...]*section{&b.body, &b.fixed} {
		if s.ch == nil {
			continue
		}
		ch := s.ch
		if b.kind != bodyPlain {
			ch.body = p.topic.frames.EndSnapshotBody(ch.body)
		}
		ch.shard, ch.since, ch.records, ch.sealed = p, b.since, s.records, 0
		ch.retain()
	}
	p.cache.recordBytes = len(b.body.ch.body)/max(1, int(b.body.records)) + 1
	b.built = true
}
