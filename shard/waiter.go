package shard

import "pitwall/codec"

// waiter is a subscription that waits for a snapshot that is being built, and the
// command that it comes from, which ends when it has it.
type waiter struct {
	sub *sub
	op  *op
}

// postpone has s wait, and reports true, if the snapshot it begins with is too
// large for this turn. Until it arrives the connection does not have it: nothing
// is pushed to it, and no recovery looks at it.
func (w *worker) postpone(s *sub, o *op) bool {
	p := s.part
	if p.bodies.subscribed[s.conn.snapshots(p)-formSnapshot] != nil || !w.heavy(p) {
		return false
	}
	if p.build == nil {
		p.build = &build{}
		w.builds = append(w.builds, p)
	}
	p.build.waits = append(p.build.waits, waiter{s, o})
	return true
}

// forDeflated reports whether somebody waits for the compressed form.
func (b *build) forDeflated() bool {
	for _, x := range b.waits {
		if x.sub.conn.snapshots(x.sub.part) == formDeflatedSnapshot {
			return true
		}
	}
	return false
}

// pack compresses a slice. What is flushed to the end of a byte can be followed by
// the next (RFC 7692, section 7.2.1): the pieces are one message together.
func (w *worker) pack(p *part) {
	b := p.build
	src, most := b.plain.ch.body, w.core.building.packed
	if b.packed.ch == nil {
		b.packed = newStore(&w.deflate.pool, 2*most)
	}
	piece := src[b.from:min(b.from+most, len(src))]
	size := len(b.packed.ch.body)
	if !b.packed.fits(len(piece)+len(piece)/8+64, size/max(1, b.from/most)*(len(src)/most+2)) {
		return
	}
	body := w.deflate.Append(b.packed.ch.body, piece)
	if b.from += len(piece); b.from < len(src) {
		body = append(body, flushEnd...)
	}
	b.packed.ch.body = body
	if b.from == len(src) {
		w.closePacked(p)
	}
}

// flushEnd is what a Deflater leaves out at the end.
const flushEnd = "\x00\x00\xff\xff"

// closePacked ends the compressed body, or drops one that has become longer.
func (w *worker) closePacked(p *part) {
	b := p.build
	b.closed = true
	plain, ch := b.plain.ch, b.packed.ch
	if len(ch.body) >= len(plain.body) {
		b.packed.free(false)
		return
	}
	w.countDeflated(len(plain.body), len(ch.body))
	ch.part, ch.since, ch.records, ch.deflated = p, plain.since, plain.records, true
	ch.stay()
}

// head returns the snapshot frame of a form, nil while that is not built.
func (w *worker) head(p *part, f form) *Chunk {
	b := p.build
	h := &b.heads[f-formSnapshot]
	if *h != nil {
		return *h
	}
	body := b.plain.ch
	if f == formDeflatedSnapshot {
		if !b.closed {
			return nil
		}
		if b.packed.ch != nil {
			body = b.packed.ch
		}
	}
	*h = w.headed(p, body, codec.SnapshotSubscribe, 0)
	(*h).stay()
	return *h
}

// serve lets some of those arrive whose snapshot is built.
func (w *worker) serve(p *part) {
	b := p.build
	left := b.waits[:0]
	for n, waits := 0, b.waits; len(waits) > 0; waits = waits[1:] {
		x := waits[0]
		var h *Chunk
		if n < w.core.building.serves {
			h = w.head(p, x.sub.conn.snapshots(p))
		}
		if h == nil {
			left = append(left, x)
			continue
		}
		n++
		w.arrive(x, h, b.base)
	}
	clear(b.waits[len(left):])
	b.waits = left
}

// arrive carries out a subscribe that has waited: the snapshot is of base, and
// what has changed since follows as for a subscription that leaves its interval.
// No join, leave or correction has been told since base (see build).
func (w *worker) arrive(x waiter, h *Chunk, base uint64) {
	s := x.sub
	c, p := s.conn, s.part
	s.opened = c.opened()
	s.next, c.subs[w.id] = c.subs[w.id], s
	w.bring(c, h)
	if s.class == classNone {
		w.enterLive(s)
		if base < p.sealed {
			if ch := w.changes(p, c.shape, base); ch != nil {
				w.pushTo(s, ch)
			}
		}
	} else {
		s.since = base
		w.enterClass(s)
	}
	x.op.finish()
}

// endBuild keeps what was built for those who come before the next seal.
func (w *worker) endBuild(p *part) {
	b := p.build
	p.build = nil
	if b.cuts != p.bodies.cuts || b.base != p.sealed {
		w.abandonBuild(b)
		return
	}
	p.bodies.forget()
	p.bodies.subscribed = b.heads
	p.bodies.hold(bodyKey{form: formSnapshot}, b.plain.ch)
	if b.packed.ch == nil {
		return
	}
	if !b.closed { // those who waited for it have gone
		b.packed.free(false)
		return
	}
	p.bodies.hold(bodyKey{form: formDeflatedSnapshot}, b.packed.ch)
}
