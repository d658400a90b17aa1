package shard

import "pitwall/codec"

// waiter is a subscription that waits for a build, and the command that made it wait.
// The command ends when the wait does.
//
// Until its wait ends, a new subscription (toSubscribe, toResume) is not in the connection's list: nothing is
// pushed to it, and no recovery looks at it. A subscription that recovers or is renewed
// has the epoch streamPaused: what it waits for holds what it misses meanwhile. A
// subscription of an interval class that waits for its tick is skipped by later ticks.
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
	toResume
)

// finish counts the waiter as done for its command.
func (x *waiter) finish() {
	if x.op != nil {
		x.op.finish()
	}
}

// awaitBuild has s wait for a body of its shard: what changed after since, of that kind.
func (w *worker) awaitBuild(s *sub, o *op, why purpose, since uint64, kind bodyKind) {
	p := s.shard
	b := w.joinableBuild(p, since, kind)
	if b == nil {
		if kind == bodyLagged {
			since = p.roundDown(since)
		}
		b = &build{shard: p, since: since, kind: kind}
		w.builds = append(w.builds, b)
	}
	if o != nil {
		o.remaining.Add(1)
	}
	s.wait, s.why = b, why
	i := s.waitList(kind)
	b.waiters[i] = append(b.waiters[i], waiter{s, o, why})
	b.waiting[i]++
}

// joinableBuild returns the build under way that a new waiter can wait for as well,
// nil for none. A lagged snapshot may reach back twice as far as asked for, as with
// roundDown.
func (w *worker) joinableBuild(p *topicShard, since uint64, kind bodyKind) *build {
	for _, b := range w.builds {
		if b.shard != p || b.kind != kind || !b.accepts(since) {
			continue
		}
		if b.since == since || kind == bodyLagged && b.since < since && p.sealed-b.since <= 2*(p.sealed-since) {
			return b
		}
	}
	return nil
}

// accepts reports whether a subscription that may have seen everything up to since can
// still wait for b: the state that b shows must not be older than since. Nobody joins a
// build that is complete after a newer seal.
func (b *build) accepts(since uint64) bool {
	p := b.shard
	return b.id == 0 || b.cuts != p.cache.invalidations || b.base == p.sealed || b.base > since && !b.complete()
}

// complete reports whether everything is built that a waiter needs.
func (b *build) complete() bool { return b.built && (b.compressionDone || b.waiting[1] == 0) }

// hasWaiters reports whether anybody waits for it.
func (b *build) hasWaiters() bool { return b.waiting[0]+b.waiting[1] > 0 }

// waitList is the index in build.waiters for s and a body of that kind: 1 for
// compressed.
func (s *sub) waitList(kind bodyKind) int {
	packed := s.conn.snapshotKind(s.shard) == bodyCompressedSnapshot
	if kind < bodySnapshot {
		packed = s.conn.encoding == encodingCompressed
	}
	if packed {
		return 1
	}
	return 0
}

// cancelWait ends the wait of s, which gets nothing from it. Its place in the list of
// waiters stays, and is skipped.
func (s *sub) cancelWait() {
	if b := s.wait; b != nil {
		s.wait = nil
		b.waiting[s.waitList(b.kind)]--
	}
}

// recovering reports whether s waits for a snapshot that brings all that it has lost.
func (s *sub) recovering() bool { return s.wait != nil && s.epoch == streamPaused }

// serveWaiters ends the wait of some of those whose body is built.
func (w *worker) serveWaiters(b *build) {
	serves, pushes := w.core.building.serves, w.core.slice
	for i := range b.waiters {
		if i == 1 && !b.compressionDone {
			return
		}
		for len(b.waiters[i]) > 0 && serves > 0 && pushes > 0 {
			x := b.waiters[i][0]
			b.waiters[i][0] = waiter{}
			b.waiters[i] = b.waiters[i][1:]
			if x.sub.wait != b || x.sub.why != x.why { // cancelled
				x.finish()
			} else {
				w.endWait(x, b)
			}
			if x.why == toTick {
				pushes--
			} else {
				serves--
			}
		}
	}
}

// endWait gives x what it has waited for, the state at base, and lets it go on from
// there. No join, leave or correction has come since base: otherwise the build would
// have begun again.
func (w *worker) endWait(x waiter, b *build) {
	s := x.sub
	if x.why != toSubscribe && x.why != toResume {
		w.catchUp(s) // a broadcast under way is older than base
	}
	s.cancelWait()
	switch x.why {
	case toTick:
		w.sendTick(s, b)
	case toRecover:
		if s.since < s.shard.roster.completeSince {
			w.markLagged(s) // and the next recovery renews it
			break
		}
		w.count[countRecoveries]++
		w.sendLost(s, b, codec.SnapshotLagged)
		w.resumeFrom(s, b.base, x.op)
	case toRenew:
		w.count[countRecoveries]++
		w.send(s.conn, w.frame(b, s.waitList(b.kind)))
		w.resumeFrom(s, b.base, x.op)
	case toSubscribe:
		w.sendSnapshot(s.conn, w.frame(b, s.waitList(b.kind)))
		w.addSub(s)
		w.resumeNew(s, b.base, x.op)
	case toResume:
		w.endWaitToResume(s, b, x.op)
	}
	x.finish()
}

// sendLost sends s, which has lost what came after s.since, what changed since. It
// returns the bytes of the snapshots.
func (w *worker) sendLost(s *sub, b *build, reason string) (bytes int) {
	if to := b.shard.roster.newest(); to <= s.since {
		// no joins and leaves to send
	} else if b.roster != nil {
		w.send(s.conn, b.roster.frame)
	} else if ch := w.rosterFrom(b.shard, b.since, to); ch != nil {
		w.send(s.conn, ch)
	}
	h := w.snapshotFrame(b.shard, b.encoded(s.waitList(b.kind)), reason, s.conflated)
	bytes = h.Len()
	w.sendFrame(s.conn, h)
	if b.fixed.ch != nil {
		h = w.snapshotFrame(b.shard, b.fixed.ch, codec.SnapshotCorrected, 0)
		bytes += h.Len()
		w.sendFrame(s.conn, h)
	}
	return bytes
}

// sendTick pushes to s what changed since its last tick.
func (w *worker) sendTick(s *sub, b *build) {
	if s.missed {
		return // the coming recovery sends it
	}
	if b.body.records > 0 {
		h := w.frame(b, s.waitList(b.kind))
		if !w.pushTo(s, h) {
			return
		}
		h.takers++
	}
	s.since = b.base
}

// resumeNew lets s, a new subscription that was just sent the state at base, go on
// from there.
func (w *worker) resumeNew(s *sub, base uint64, o *op) {
	s.epoch, s.since = s.conn.epoch(), base
	if s.class != classNone || base == s.shard.sealed {
		return
	}
	if ch, ready := w.changes(s.shard, s.conn.encoding, base); !ready {
		w.awaitLost(s, base, o)
	} else if ch != nil {
		w.pushTo(s, ch)
	}
}

// resumeFrom lets s, which was paused and was just sent the state at base, go on from
// there. It has lost what came since base as well.
func (w *worker) resumeFrom(s *sub, base uint64, o *op) {
	s.missed, s.since, s.conflated = false, base, 0
	switch {
	case s.class != classNone || base == s.shard.sealed:
	case w.recoveryReady(s, base):
		w.recoverSub(s, base, 0)
	default:
		w.awaitLost(s, base, o)
		return
	}
	s.epoch = s.conn.epoch()
}

// awaitLost has s wait for what changed after since, which it has lost. What it loses
// meanwhile is part of that.
func (w *worker) awaitLost(s *sub, since uint64, o *op) {
	s.missed, s.since, s.epoch = true, since, streamPaused
	w.awaitBuild(s, o, toRecover, since, bodyLagged)
}

// markLagged has the connection of s recover, because s lacks more than fits one turn.
func (w *worker) markLagged(s *sub) {
	c := s.conn
	s.missed = true
	c.markLagged()
	w.handOver(c)
}

// endBuild ends a build for which nobody waits any more. It keeps what was built in the
// cache, for those who need the same before the next seal.
func (w *worker) endBuild(b *build) {
	p := b.shard
	if p.build == b {
		p.build = nil
	}
	for i := range b.waiters {
		for _, x := range b.waiters[i] { // cancelled
			x.finish()
		}
	}
	kind := b.kind
	if kind == bodyLagged && p.fixed <= b.since {
		kind = bodySnapshot // see sendLagged
	}
	if !b.built || b.cuts != p.cache.invalidations || b.base != p.sealed || kind != bodySnapshot {
		w.discardBuild(b)
		return
	}
	p.cache.makeRoom()
	if b.since == 0 {
		p.cache.clearFrames() // they are made of the body that is replaced
		p.cache.frames = b.frames
	}
	p.cache.put(bodyKey{since: b.since, kind: bodySnapshot}, b.body.ch)
	switch {
	case b.compressionDone && b.compressed.ch != nil:
		p.cache.put(bodyKey{since: b.since, kind: bodyCompressedSnapshot}, b.compressed.ch)
	case b.compressed.ch != nil: // those who waited for it have gone
		b.compressed.free(false)
	}
}
