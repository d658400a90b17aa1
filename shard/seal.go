package shard

// open returns the pending bytes of p in one encoding, ready for add.
func (w *worker) open(p *topicShard, s encoding) *pending {
	q := &p.pending[s]
	if q.chunk == nil {
		q.chunk = w.livePool.get(q.size)
	}
	return q
}

// schedule has p sealed at the topic's next instant, or now if that is past. While
// the last seal is still being pushed, nothing is due: endBroadcast schedules what
// has become pending meanwhile.
func (w *worker) schedule(p *topicShard) {
	if p.deadline.pos >= 0 || p.broadcasts > 0 {
		return
	}
	due, lead := p.topic.schedule.join(w.now, w.core.window.Load())
	p.lead = lead
	w.timers.set(&p.deadline, due)
}

// notePending notes when a position came that is pending now.
func (p *topicShard) notePending(from origin) {
	if p.arrival == 0 || from.arrival < p.arrival {
		p.arrival = from.arrival
	}
	if p.delivered == 0 {
		p.delivered = from.delivered
	}
}

// sealPushes is the cost of a seal or tick itself, counted in pushes.
const sealPushes = 8

// flush seals and ticks what is due, up to a slice of pushes.
func (w *worker) flush() {
	for pushes := 0; pushes < w.core.slice; pushes += sealPushes {
		a := w.timers.first()
		if a == nil || a.at > w.now {
			return
		}
		if a.class != classNone {
			pushes += w.tick(a.shard, a.class, a.at)
			continue
		}
		w.timers.stop(a)
		pushes += w.seal(a.shard, a.at)
	}
}

// seal turns the pending bytes of p into chunks, one for each encoding, and
// broadcasts them to the live subscribers. It returns the number of pushes made at
// once.
func (w *worker) seal(p *topicShard, due int64) (pushes int) {
	since, arrival, instant := p.sealed, p.arrival, due
	if p.lead {
		instant = 0
	}
	if p.delivered > 0 {
		w.ages.sealed(w.now - p.delivered)
	}
	w.markSealed(p)
	p.topic.schedule.sealed(due, w.core.window.Load())
	w.count.flushes++
	w.bodyPool.collectReturned()
	w.headPool.collectReturned()
	w.deflate.pool.collectReturned()
	for s := range uncompressedEncodings {
		ch := p.pending[s].take(p.topic.frames)
		if ch == nil {
			continue
		}
		ch.shard, ch.since, ch.arrival, ch.sealed = p, since, arrival, w.now
		w.count.chunks++
		w.count.bytes += uint64(len(ch.body))
		r := broadcast{shard: p, chunk: ch, due: due, instant: instant}
		if s == encodingBatch && len(p.live[encodingCompressed].list) > 0 {
			pushes += w.broadcastCompressed(r)
		} else {
			r.start(1)
			pushes += w.broadcast(&p.live[s], r)
		}
	}
	w.splice(instant)
	return pushes
}

// markSealed makes the current state the sealed one. It takes the same time however
// much was pending: the turns to come release the replaced values.
func (w *worker) markSealed(p *topicShard) {
	w.releaseLater(p)
	if p.sealed != p.seq {
		p.sealed = p.seq
		p.cache.clear()
	}
	p.cache.invalidated = false
	p.arrival, p.delivered, p.lead = 0, 0, false
}

// send pushes a chunk that is not bounded by the queue (see Conn.admit).
func (w *worker) send(c *Conn, ch *Chunk) {
	if c.Closed() {
		return
	}
	ch.takers++
	c.admit(ch)
	if c.claim() {
		w.chains[c.writer].add(c)
	}
}

// splice hands the connections that were pushed to so far to their writers.
func (w *worker) splice(instant int64) {
	for i := range w.chains {
		w.core.queues[i].splice(&w.chains[i], instant)
	}
}
