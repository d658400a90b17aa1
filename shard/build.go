package shard

// build is a body of a part that is too large for one turn: a whole snapshot, or
// what changed after an update, as a lagged snapshot or in live frames. It is made
// in slices, one to a turn, while the subscribers for it wait; see arrive for what
// they get. It is the state at base, the last seal when it began.
//
// The nodes are copied from the newest to the oldest, while positions and seals
// go on. Of a node that changes before it is copied, the value at base is pinned:
// by the change, or, where it was pending when the build began, by the seal that
// would release it. Pinned values are copied last. So each device of base is in
// it once. A correction or a change of the part's devices makes base something
// that must not be shown any more: then the build begins again. One build of a
// part copies at a time, the others wait.
type build struct {
	part  *part
	since uint64 // what changed after this update; 0 for all
	form  form   // formSnapshot, formLagged, formPlain or formBatch

	id   uint64 // nodes that are copied or pinned have it; 0: has not begun
	cuts uint64 // of the part's bodies when it began
	base uint64

	roster *rosterBuild // the frame in front of a lagged snapshot, if it is more than a slice
	at     *node        // the next one to be copied
	pinned []pinned

	body   section // the end of a snapshot frame, position frames, or the payload of a positions frame
	fixed  section // of a lagged snapshot: the end of the corrected one that goes with it
	built  bool    // both are whole
	packed store   // body compressed; empty for what does not get shorter
	from   int     // how much of body is in it
	closed bool    // it is whole

	heads [2]*Chunk   // frames for all, plain and compressed; see head
	waits [2][]waiter // for the one and for the other
	wants [2]int      // how many of those have not been cancelled
}

// section is a list of positions in the making.
type section struct {
	store
	records uint32
}

// pinned is a value that a node has no longer.
type pinned struct {
	value *value
	fixed bool // it belongs to build.fixed
}

// buildBounds are the bounds of a slice. Each takes 0.1 to 0.3 ms.
type buildBounds struct {
	devices int // looked at
	copied  int // bytes of values, and one value more at most
	packed  int // bytes compressed
	moved   int // bytes brought to larger memory
	serves  int // subscribers that get a snapshot that is built
}

// aSlice is the bounds that a core has, but in tests.
var aSlice = buildBounds{devices: 512, copied: 128 << 10, packed: 64 << 10, moved: 128 << 10, serves: 64}

// construct gives the build that waits longest, of those that can go on, one
// slice.
func (w *worker) construct() {
	for range len(w.builds) {
		b := w.builds[0]
		copy(w.builds, w.builds[1:])
		w.builds = w.builds[:len(w.builds)-1]
		worked := b.wanted() && w.goOn(b)
		if b.wanted() {
			w.builds = append(w.builds, b)
		} else {
			w.endBuild(b)
		}
		if worked {
			return
		}
	}
}

// goOn gives b one slice. False: it cannot begin now.
func (w *worker) goOn(b *build) bool {
	p, moved := b.part, w.core.building.moved
	switch {
	case b.id == 0 || b.cuts != p.bodies.cuts:
		if w.taking.left() || p.build != nil && p.build != b { // it would soon begin again, or has to wait
			return false
		}
		w.beginBuild(b)
	case b.body.moving():
		b.body.move(moved)
	case b.fixed.moving():
		b.fixed.move(moved)
	case b.packed.moving():
		b.packed.move(moved)
	case b.roster != nil && !b.roster.done:
		b.roster.goOn(p, w.core.building.devices)
	case !b.built:
		w.copyNodes(b)
	case !b.closed && b.wants[1] > 0:
		w.pack(b)
	}
	if b.built && b.cuts == p.bodies.cuts {
		w.serve(b)
	}
	return true
}

// beginBuild has b begin, or begin again.
func (w *worker) beginBuild(b *build) {
	p := b.part
	w.abandonBuild(b)
	if p.bodies.cut && p.seq > p.sealed { // joins and leaves are pending
		w.sealNow(p)
	}
	w.count.built++
	w.lastBuild++
	*b = build{
		part: p, since: b.since, form: b.form, waits: b.waits, wants: b.wants,
		id: w.lastBuild, cuts: p.bodies.cuts, base: p.sealed, at: p.last,
	}
	p.build, b.roster = b, w.newRosterBuild(b)
	b.body.store = newStore(&w.ends, 2*w.core.building.copied)
	switch b.form {
	case formPlain:
	case formBatch:
		b.body.ch.body = p.topic.frames.BeginPositionsBody(b.body.ch.body)
	default:
		b.body.ch.body = p.topic.frames.BeginSnapshotBody(b.body.ch.body)
	}
}

// abandonBuild frees what has been built so far.
func (w *worker) abandonBuild(b *build) {
	for _, x := range b.pinned {
		w.values.release(x.value)
	}
	b.pinned = nil
	for i, h := range b.heads {
		if h != nil && h != b.body.ch {
			h.retire()
		}
		b.heads[i] = nil
	}
	b.body.free(b.built)
	b.fixed.free(b.built)
	b.packed.free(b.closed)
}

// valueAt returns the value that n had at base, whose value now is current, and
// whether that is told as a correction. It is nil where n had none, where it is
// not for the build, or where the build has it already.
func (b *build) valueAt(n *node, current *value) (v *value, fixed bool) {
	var seq uint64
	switch {
	case n.built == b.id:
	case n.seq <= b.base:
		v, seq = current, n.seq
	case n.old != nil && n.oldSeq <= b.base:
		v, seq = n.old, n.oldSeq
	}
	if seq <= b.since {
		return nil, false
	}
	switch b.form {
	case formSnapshot:
	case formLagged:
		fixed = n.fixed > b.since // or newer than one that has not been told
	default:
		if seq == n.fixed {
			return nil, false // it has been told as such
		}
	}
	return v, fixed
}

// pin keeps the value at base of n, which is about to lose it. Before a change,
// which takes n out of its place, current is the value that it still has.
func (p *part) pin(n *node, current *value) {
	b := p.build
	if b == nil {
		return
	}
	if b.at == n {
		b.at = n.prev
	}
	if v, fixed := b.valueAt(n, current); v != nil {
		n.built = b.id
		v.refs++
		b.pinned = append(b.pinned, pinned{v, fixed})
	}
}

// copyNodes copies a slice of values.
func (w *worker) copyNodes(b *build) {
	end := b.size() + w.core.building.copied
	for range w.core.building.devices {
		if b.size() >= end {
			return
		}
		n, x := b.at, pinned{}
		switch {
		case n != nil:
			x.value, x.fixed = b.valueAt(n, n.dev.val)
		case len(b.pinned) > 0:
			x = b.pinned[len(b.pinned)-1]
		default:
			w.closeBody(b)
			return
		}
		if x.value != nil && !w.add(b, x) {
			return // the store grows first
		}
		if n == nil {
			b.pinned = b.pinned[:len(b.pinned)-1]
			w.values.release(x.value)
			continue
		}
		if n.built = b.id; n.seq <= b.since {
			b.at = nil // so are all that are left
			continue
		}
		b.at = n.prev
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

// add appends a value. False: there is no room yet.
func (w *worker) add(b *build, x pinned) bool {
	t, s, around := b.part.topic.frames, &b.body, 3 // a comma, and the end of the list
	switch {
	case b.form == formPlain:
		around = 64 + 6*len(t.Name())
	case x.fixed:
		if s = &b.fixed; s.ch == nil {
			s.store = newStore(&w.ends, w.core.building.copied)
			s.ch.body = t.BeginSnapshotBody(s.ch.body)
		}
	}
	size := len(s.ch.body)
	if !s.fits(len(x.value.buf)+around, size/max(1, int(s.records))*w.devicesOf(b)) {
		return false
	}
	s.records++
	if b.form == formPlain {
		s.ch.body = t.AppendPositionFrame(s.ch.body, x.value.buf)
	} else {
		s.ch.body = t.AppendItem(s.ch.body, x.value.buf)
	}
	return true
}

// devicesOf is about how many devices b has, and some more.
func (w *worker) devicesOf(b *build) int {
	t := b.part.topic
	n := w.snap.sizes[t] / len(t.parts)
	return int(min(uint64(n+n/8), b.base-b.since))
}

// closeBody ends what is copied.
func (w *worker) closeBody(b *build) {
	p := b.part
	p.build = nil
	for _, s := range [...]*section{&b.body, &b.fixed} {
		if s.ch == nil {
			continue
		}
		ch := s.ch
		if b.form != formPlain {
			ch.body = p.topic.frames.EndSnapshotBody(ch.body)
		}
		ch.part, ch.since, ch.records, ch.sealed = p, b.since, s.records, 0
		ch.stay()
	}
	p.bodies.each = len(b.body.ch.body)/max(1, int(b.body.records)) + 1
	b.built = true
}
