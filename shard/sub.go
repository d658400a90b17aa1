package shard

// sub is a connection's subscription to a topic on one shard. Only the owner of that
// shard's turn touches it.
type sub struct {
	conn  *Conn
	shard *topicShard
	next  *sub // the connection's other subscriptions on this shard

	class  int8    // interval class, or classNone for the live flow
	missed bool    // it was not sent something, and no recovery has come since
	why    purpose // of its wait
	order  uint32  // of its subscribe: see renewal
	pos    int32   // its place in its list of subscribers
	epoch  uint32  // the stream epoch of the last recovery that was carried out here; see Conn.offer

	// since is the last update that a sub of an interval class has had. For a sub of the
	// live flow that has missed something, it is the last update before the gap.
	since     uint64
	conflated uint64 // updates that it has missed, for its next lagged snapshot
	wait      *build // what it waits for; nil for nothing
}

// miss notes that ch could not be pushed.
func (s *sub) miss(ch *Chunk) {
	if !s.missed && s.class == classNone {
		s.since = ch.since
	}
	s.missed = true
	s.conflated += uint64(ch.records)
}

func (c *Conn) subOf(p *topicShard) *sub {
	for s := c.subs[p.index]; s != nil; s = s.next {
		if s.shard == p {
			return s
		}
	}
	return nil
}

// subscribe carries out opSubscribe on this shard.
func (w *worker) subscribe(o *op) {
	p, c := o.topic.shards[w.id], o.conn
	if c.Closed() {
		return
	}
	if s := c.subOf(p); s != nil {
		w.changeClass(s, int8(o.class))
		return
	}
	s := &sub{conn: c, shard: p, class: int8(o.class), order: o.order, epoch: c.epoch()}
	if p.watchers == 0 { // nobody waits for the next seal
		p.sealed = p.seq
	} else if o.class == classNone {
		w.sealLeavers(p)
	}
	p.watchers++
	if o.since > 0 {
		w.resume(s, o)
		return
	}
	if !w.subscribeReady(s) || o.class == classNone && w.sealLarge(s) {
		w.awaitBuild(s, o, toSubscribe, 0, bodySnapshot)
		return
	}
	w.sendSnapshot(c, w.subscribeFrame(p, c.snapshotKind(p)))
	w.addSub(s)
	if s.class != classNone {
		s.since = p.sealed
		w.sendRoster(s, s.since)
	}
}

// addSub adds a new subscription to the lists of its connection and of its topic shard.
func (w *worker) addSub(s *sub) {
	s.next, s.conn.subs[w.id] = s.conn.subs[w.id], s
	if s.class != classNone {
		w.enterClass(s)
		return
	}
	w.sealLarge(s)
	w.enterLive(s)
}

// enterLive adds s to the live flow. What is pending is for s as well. If nobody had
// its encoding until now, the pending bytes of that encoding are made here.
func (w *worker) enterLive(s *sub) {
	p, e := s.shard, s.conn.encoding.uncompressed()
	if !p.wants(e) && p.seq > p.sealed {
		for n, _ := p.firstSince(p.sealed); n != nil; n = n.next {
			w.pendingIn(p, e).add(p.topic.frames, e, n.dev.val.buf)
		}
		p.pending[e].from = p.seq
	}
	p.live[s.conn.encoding].add(s)
}

func (w *worker) leaveLive(s *sub) {
	p, e := s.shard, s.conn.encoding.uncompressed()
	p.live[s.conn.encoding].remove(s)
	if !p.wants(e) {
		if c := p.pending[e].take(p.topic.frames); c != nil {
			w.livePool.put(c)
		}
	}
}

// unsubscribe carries out opUnsubscribe on this shard.
func (w *worker) unsubscribe(o *op) {
	p := o.topic.shards[w.id]
	for at := &o.conn.subs[w.id]; *at != nil; at = &(*at).next {
		if s := *at; s.shard == p {
			*at = s.next
			w.drop(s)
			return
		}
	}
}

// leave carries out opLeave on this shard.
func (w *worker) leave(o *op) {
	s := o.conn.subs[w.id]
	o.conn.subs[w.id] = nil
	for ; s != nil; s = s.next {
		w.drop(s)
	}
}

func (w *worker) drop(s *sub) {
	s.cancelWait()
	if s.class == classNone {
		w.leaveLive(s)
	} else {
		w.leaveClass(s)
	}
	w.unwatch(s.shard)
}

// unwatch ends one subscription to p.
func (w *worker) unwatch(p *topicShard) {
	if p.watchers--; p.watchers == 0 {
		w.markSealed(p)
		p.cache.invalidate()
		w.timers.stop(&p.deadline)
		w.trimRoster(p)
	}
}

// changeClass moves a subscription between the live flow and the interval classes. It
// gets nothing twice and misses nothing.
func (w *worker) changeClass(s *sub, class int8) {
	w.catchUp(s)
	switch {
	case s.class == class:
	case s.class == classNone:
		if s.shard.roster.completeSince > s.shard.sealed { // some joins and leaves are in what is pending only
			w.seal(s.shard, w.now)
			w.catchUp(s)
		}
		w.leaveLiveFor(s, class)
	case class == classNone:
		w.sealLeavers(s.shard)
		w.sealLarge(s)
		if !s.recovering() {
			s.cancelWait()
		}
		w.leaveClass(s)
		s.class = classNone
		w.enterLive(s)
		if s.missed {
			return // the coming recovery sends it, after the roster
		}
		if ch, ready := w.changes(s.shard, s.conn.encoding, s.since); !ready {
			w.markLagged(s)
		} else if ch != nil {
			w.pushTo(s, ch)
		}
	default:
		w.leaveClass(s)
		s.class = class
		w.enterClass(s)
	}
}

// sealLeavers seals p now if a position is pending whose device has left since.
// Otherwise a subscription that is about to enter the live flow, or to recover, would
// be sent a device that it was told has left. The seal may have to finish a broadcast
// that is under way. That is rare: at most once for each piece of a map.
func (w *worker) sealLeavers(p *topicShard) {
	if p.departed > p.sealed {
		w.seal(p, w.now)
	}
}

// sealLarge is called before s enters the live flow. If the pending positions would
// have to be encoded for s and are more than a slice, it seals them, and returns true.
func (w *worker) sealLarge(s *sub) bool {
	p := s.shard
	if p.seq == p.sealed || p.wants(s.conn.encoding.uncompressed()) || !w.exceedsSlice(p, p.sealed) {
		return false
	}
	w.seal(p, w.now)
	return true
}

// leaveLiveFor moves s from the live flow to an interval class. What s has had is the
// last seal, or less if it has missed something. The ticks bring the positions that are
// pending; joins and leaves that are pending are sent now.
func (w *worker) leaveLiveFor(s *sub, class int8) {
	since := s.shard.sealed
	if s.missed {
		since = min(since, s.since)
	}
	w.leaveLive(s)
	s.class, s.since = class, since
	w.enterClass(s)
	if s.missed {
		return // the coming recovery sends it, before the positions
	}
	w.sendRoster(s, since)
}
