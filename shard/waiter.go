package shard

import "pitwall/codec"

// waiter is a subscription that waits for a build, and the command that it comes
// from, which ends when it has it.
//
// Until it arrives, a new subscription is not among the connection's: nothing is
// pushed to it, and no recovery looks at it. One that recovers or is renewed is
// unopened: what it loses meanwhile is part of what it waits for. One of a class
// that waits for its tick is left out by the next ones.
type waiter struct {
	sub *sub
	op  *op // nil for a tick
	why purpose
}

type purpose uint8

const (
	toSubscribe purpose = iota
	toRecover
	toRenew
	toTick
)

// finish ends the command's part that the waiter is.
func (x *waiter) finish() {
	if x.op != nil {
		x.op.finish()
	}
}

// postpone has s wait for a body of its part, what changed after since in form.
func (w *worker) postpone(s *sub, o *op, why purpose, since uint64, f form) {
	p := s.part
	b := w.buildFor(p, since, f)
	if b == nil {
		if f == formLagged {
			since = p.roundDown(since)
		}
		b = &build{part: p, since: since, form: f}
		w.builds = append(w.builds, b)
	}
	if o != nil {
		o.left.Add(1)
	}
	s.wait, s.why = b, why
	i := s.packed(f)
	b.waits[i] = append(b.waits[i], waiter{s, o, why})
	b.wants[i]++
}

// buildFor returns the build that who asks now can wait for as well, nil for none.
// A lagged snapshot may reach back twice as far: see roundDown.
func (w *worker) buildFor(p *part, since uint64, f form) *build {
	for _, b := range w.builds {
		if b.part != p || b.form != f || !b.takes(since) {
			continue
		}
		if b.since == since || f == formLagged && b.since < since && p.sealed-b.since <= 2*(p.sealed-since) {
			return b
		}
	}
	return nil
}

// takes reports whether one who may have seen everything up to since can still
// join those who wait for b: it must not be older, and not whole already while
// there are newer seals.
func (b *build) takes(since uint64) bool {
	p := b.part
	return b.id == 0 || b.cuts != p.bodies.cuts || b.base == p.sealed || b.base > since && !b.whole()
}

// whole reports whether everything is built that somebody waits for.
func (b *build) whole() bool { return b.built && (b.closed || b.wants[1] == 0) }

// wanted reports whether somebody waits for it.
func (b *build) wanted() bool { return b.wants[0]+b.wants[1] > 0 }

// packed is the place among waiters of one that wants a body in form f: 1 for
// compressed.
func (s *sub) packed(f form) int {
	packed := s.conn.snapshots(s.part) == formDeflatedSnapshot
	if f < formSnapshot {
		packed = s.conn.shape == shapeDeflate
	}
	if packed {
		return 1
	}
	return 0
}

// unwait has s wait no longer.
func (s *sub) unwait() {
	if b := s.wait; b != nil {
		s.wait = nil
		b.wants[s.packed(b.form)]--
	}
}

// recovering reports whether s waits for a snapshot that brings all it has lost.
func (s *sub) recovering() bool { return s.wait != nil && s.opened == unopened }

// serve lets some of those arrive whose body is built.
func (w *worker) serve(b *build) {
	serves, pushes := w.core.building.serves, w.core.slice
	for i := range b.waits {
		if i == 1 && !b.closed {
			return
		}
		for len(b.waits[i]) > 0 && serves > 0 && pushes > 0 {
			x := b.waits[i][0]
			b.waits[i][0] = waiter{}
			b.waits[i] = b.waits[i][1:]
			if x.sub.wait != b || x.sub.why != x.why { // cancelled
				x.finish()
			} else {
				w.arrive(x, b)
			}
			if x.why == toTick {
				pushes--
			} else {
				serves--
			}
		}
	}
}

// arrive gives x what it has waited for, of base, and has it go on from there. No
// join, leave or correction has been told since base (see build).
func (w *worker) arrive(x waiter, b *build) {
	s := x.sub
	if x.why != toSubscribe {
		w.catchUp(s) // what it is still owed is older
	}
	s.unwait()
	switch x.why {
	case toTick:
		w.arriveTick(s, b)
	case toRecover:
		if s.since < s.part.roster.whole {
			w.lag(s) // and the next recovery renews it
			break
		}
		w.arriveLost(s, b)
		w.goOnFrom(s, b.base, x.op)
	case toRenew:
		w.count.recoveries++
		w.send(s.conn, w.head(b, s.packed(b.form)))
		w.goOnFrom(s, b.base, x.op)
	case toSubscribe:
		w.bring(s.conn, w.head(b, s.packed(b.form)))
		w.enter(s)
		w.follow(s, b.base, x.op)
	}
	x.finish()
}

// enter adds a new subscription to those of its connection and of its part.
func (w *worker) enter(s *sub) {
	s.next, s.conn.subs[w.id] = s.conn.subs[w.id], s
	if s.class != classNone {
		w.enterClass(s)
		return
	}
	w.sealLarge(s)
	w.enterLive(s)
}

// arriveLost sends s, which has lost what came after s.since, what changed since.
func (w *worker) arriveLost(s *sub, b *build) {
	w.count.recoveries++
	if to := b.part.roster.newest(); to <= s.since {
		// nothing to tell
	} else if b.roster != nil {
		w.send(s.conn, b.roster.frame)
	} else if ch := w.rosterFrom(b.part, b.since, to); ch != nil {
		w.send(s.conn, ch)
	}
	w.sendHeaded(s.conn, w.headed(b.part, b.bytes(s.packed(b.form)), codec.SnapshotLagged, s.conflated))
	if b.fixed.ch != nil {
		w.sendHeaded(s.conn, w.headed(b.part, b.fixed.ch, codec.SnapshotCorrected, 0))
	}
}

// arriveTick pushes what changed since the last tick of s.
func (w *worker) arriveTick(s *sub, b *build) {
	if s.missed {
		return // the recovery that is to come brings it
	}
	if b.body.records > 0 {
		h := w.head(b, s.packed(b.form))
		if !w.pushTo(s, h) {
			return
		}
		h.taken++
	}
	s.since = b.base
}

// follow has s, a new subscription that has just been sent the state at base, go on
// from there.
func (w *worker) follow(s *sub, base uint64, o *op) {
	s.opened, s.since = s.conn.opened(), base
	if s.class != classNone || base == s.part.sealed {
		return
	}
	if ch, ready := w.changes(s.part, s.conn.shape, base); !ready {
		w.awaitLost(s, base, o)
	} else if ch != nil {
		w.pushTo(s, ch)
	}
}

// goOnFrom has s, which was not pushed to and has just been sent the state at base,
// go on from there. What came since is lost to it as well.
func (w *worker) goOnFrom(s *sub, base uint64, o *op) {
	s.missed, s.since, s.conflated = false, base, 0
	switch {
	case s.class != classNone || base == s.part.sealed:
	case w.readyLost(s, base):
		w.recoverSub(s, base, 0)
	default:
		w.awaitLost(s, base, o)
		return
	}
	s.opened = s.conn.opened()
}

// awaitLost has s wait for what changed after since, which it has lost. What it
// loses meanwhile is part of that.
func (w *worker) awaitLost(s *sub, since uint64, o *op) {
	s.missed, s.since, s.opened = true, since, unopened
	w.postpone(s, o, toRecover, since, formLagged)
}

// lag has the connection of s recover, for s lacks what is too much for one turn.
func (w *worker) lag(s *sub) {
	c := s.conn
	s.missed = true
	c.Lag()
	if c.wants() {
		w.chains[c.writer].add(c)
	}
}

// endBuild keeps what was built for those who come before the next seal.
func (w *worker) endBuild(b *build) {
	p := b.part
	if p.build == b {
		p.build = nil
	}
	for i := range b.waits {
		for _, x := range b.waits[i] { // cancelled
			x.finish()
		}
	}
	f := b.form
	if f == formLagged && p.fixed <= b.since {
		f = formSnapshot // see sendLagged
	}
	if !b.built || b.cuts != p.bodies.cuts || b.base != p.sealed || f != formSnapshot {
		w.abandonBuild(b)
		return
	}
	p.bodies.room()
	if b.since == 0 {
		p.bodies.dropHeads() // of what is replaced
		p.bodies.subscribed = b.heads
	}
	p.bodies.replace(bodyKey{since: b.since, form: formSnapshot}, b.body.ch)
	switch {
	case b.closed && b.packed.ch != nil:
		p.bodies.replace(bodyKey{since: b.since, form: formDeflatedSnapshot}, b.packed.ch)
	case b.packed.ch != nil: // those who waited for it have gone
		b.packed.free(false)
	}
}
