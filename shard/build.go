package shard

// build is a snapshot of a part that is too large for one turn. It is made in
// slices, one to a turn, while the subscribers for it wait; see arrive for what
// they get. It is the state at base, the last seal when it began.
//
// The nodes are copied from the newest to the oldest, while positions and seals
// go on. Of a node that changes before it is copied, the value at base is pinned:
// by the change, or, where it was pending when the build began, by the seal that
// would release it. Pinned values are copied last. So each device of base is in
// it once. A correction or a change of the part's devices makes base something
// that must not be shown any more: then the build begins again.
type build struct {
	id   uint64 // nodes that are copied or pinned have it; 0: has not begun
	cuts uint64 // of the part's bodies when it began
	base uint64

	at      *node // the next one to be copied
	pinned  []*value
	records uint32

	plain  store // the end of a snapshot frame
	built  bool  // it is whole
	packed store // the same compressed; empty for what does not get shorter
	from   int   // how much of plain is in it
	closed bool  // it is whole

	heads [2]*Chunk // as in bodies.subscribed
	waits []waiter
}

// buildBounds are the bounds of a slice. Each takes 0.1 to 0.3 ms.
type buildBounds struct {
	devices int // looked at
	copied  int // bytes of values, and one value more at most
	packed  int // bytes compressed
	moved   int // bytes brought to larger memory
	serves  int // subscribers that get what is built
}

// aSlice is the bounds that a core has, but in tests.
var aSlice = buildBounds{devices: 512, copied: 128 << 10, packed: 64 << 10, moved: 1 << 20, serves: 64}

// heavy reports whether a snapshot of p is more than a slice.
func (w *worker) heavy(p *part) bool {
	most := &w.core.building
	devices, size := 0, 0
	for n := p.last; n != nil && n.seq > 0; n = n.prev {
		devices++
		size += len(n.dev.val.buf)
		if devices > most.devices || size > most.copied {
			return true
		}
	}
	return false
}

// construct gives the build that waits longest one slice.
func (w *worker) construct() {
	if len(w.builds) == 0 {
		return
	}
	p := w.builds[0]
	copy(w.builds, w.builds[1:])
	w.builds = w.builds[:len(w.builds)-1]
	b := p.build
	switch {
	case b.id == 0 || b.cuts != p.bodies.cuts:
		if !w.taking.left() { // otherwise it would soon begin again
			w.beginBuild(p)
		}
	case b.plain.moving():
		b.plain.move(w.core.building.moved)
	case b.packed.moving():
		b.packed.move(w.core.building.moved)
	case !b.built:
		w.copyNodes(p)
	case !b.closed && b.forDeflated():
		w.pack(p)
	}
	if b.built && b.cuts == p.bodies.cuts {
		w.serve(p)
	}
	if len(b.waits) > 0 {
		w.builds = append(w.builds, p)
		return
	}
	w.endBuild(p)
}

// beginBuild has the build of p begin, or begin again.
func (w *worker) beginBuild(p *part) {
	b := p.build
	w.abandonBuild(b)
	if p.bodies.cut && p.seq > p.sealed { // joins and leaves are pending
		w.alarms.stop(&p.alarm)
		w.seal(p, w.now)
	}
	w.count.built++
	w.lastBuild++
	*b = build{id: w.lastBuild, cuts: p.bodies.cuts, base: p.sealed, at: p.last, waits: b.waits}
	b.plain = newStore(&w.ends, 2*w.core.building.copied)
	b.plain.ch.body = append(b.plain.ch.body, `"positions":[`...)
}

// abandonBuild frees what has been built so far.
func (w *worker) abandonBuild(b *build) {
	for _, v := range b.pinned {
		w.values.release(v)
	}
	for _, h := range b.heads {
		if h != nil {
			h.retire()
		}
	}
	b.plain.free(b.built)
	b.packed.free(b.closed)
}

// valueAt returns the value that n had at base, whose value now is current. It is
// nil where n had none, or the build has it already.
func (b *build) valueAt(n *node, current *value) *value {
	switch {
	case n.built == b.id || n.seq == 0:
		return nil
	case n.seq <= b.base:
		return current
	case n.old != nil && n.oldSeq <= b.base:
		return n.old
	}
	return nil
}

// pin keeps the value at base of n, which is about to lose it. Before a change,
// which takes n out of its place, current is the value that it still has.
func (p *part) pin(n *node, current *value) {
	b := p.build
	if b == nil || b.built {
		return
	}
	if b.at == n {
		b.at = n.prev
	}
	if v := b.valueAt(n, current); v != nil {
		n.built = b.id
		v.refs++
		b.pinned = append(b.pinned, v)
	}
}

// copyNodes copies a slice of values.
func (w *worker) copyNodes(p *part) {
	b := p.build
	end := len(b.plain.ch.body) + w.core.building.copied
	for range w.core.building.devices {
		if len(b.plain.ch.body) >= end {
			return
		}
		n, v := b.at, (*value)(nil)
		switch {
		case n != nil:
			v = b.valueAt(n, n.dev.val)
		case len(b.pinned) > 0:
			v = b.pinned[len(b.pinned)-1]
		default:
			w.closePlain(p)
			return
		}
		if v != nil && !b.add(v, w.devicesOf(p)) {
			return // the store grows first
		}
		if n == nil {
			b.pinned = b.pinned[:len(b.pinned)-1]
			w.values.release(v)
			continue
		}
		if n.built = b.id; n.seq == 0 {
			b.at = nil // so are all that are left: they never had a value
			continue
		}
		b.at = n.prev
	}
}

// add appends a value, one of about so many devices. False: there is no room yet.
func (b *build) add(v *value, devices int) bool {
	const around = 3 // a comma, and the end of the list
	size := len(b.plain.ch.body)
	if !b.plain.fits(len(v.buf)+around, size/max(1, int(b.records))*devices) {
		return false
	}
	body := b.plain.ch.body
	if b.records++; b.records > 1 {
		body = append(body, ',')
	}
	b.plain.ch.body = append(body, v.buf...)
	return true
}

// devicesOf is about how many devices p has, and some more.
func (w *worker) devicesOf(p *part) int {
	n := w.snap.sizes[p.topic] / len(p.topic.parts)
	return n + n/8
}

// closePlain ends the body.
func (w *worker) closePlain(p *part) {
	b := p.build
	ch := b.plain.ch
	ch.body = append(ch.body, "]}"...)
	ch.part, ch.since, ch.records = p, b.base, b.records
	p.bodies.each = len(ch.body)/max(1, int(b.records)) + 1
	ch.stay()
	b.built = true
}
