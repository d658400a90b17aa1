package shard

import "slices"

// broadcast is one chunk, or one tick, on its way to a list of subscribers.
type broadcast struct {
	shard       *topicShard      // its next seal waits for the end of the broadcast; nil for an interval class
	chunk       *Chunk           // nil: a tick, each sub gets what changed since its last one
	compression *liveCompression // compresses chunk before it is pushed; nil for none
	taken       int              // connections that took chunk
	due         int64            // the shard's watermark stays before this moment until the end
	flush       int64            // the flush time that the writers are told; 0 if they need not wait for other shards
}

// seal turns the pending bytes of p, which were due at due, into chunks, one for each
// encoding, and broadcasts them to the live subscribers. It returns the number of
// pushes made at once.
func (w *worker) seal(p *topicShard, due int64) (pushes int) {
	since, arrival, flush := p.sealed, p.arrival, due
	if p.lead {
		flush = 0
	}
	if p.delivered > 0 {
		w.ages.sealed(w.now - p.delivered)
	}
	w.markSealed(p)
	w.timers.stop(&p.deadline)
	p.topic.schedule.sealed(due, w.core.window.Load())
	w.count[countFlushes]++
	w.bodyPool.collectReturned()
	w.headPool.collectReturned()
	w.deflate.pool.collectReturned()
	for e := range uncompressedEncodings {
		ch := p.pending[e].take(p.topic.frames)
		if ch == nil {
			continue
		}
		ch.shard, ch.since, ch.arrival, ch.sealed = p, since, arrival, w.now
		w.count[countChunks]++
		w.count[countBytes] += uint64(len(ch.body))
		plain := broadcast{shard: p, chunk: ch, due: due, flush: flush}
		if e != encodingBatch || len(p.live[encodingCompressed].list) == 0 {
			plain.start(1)
			pushes += w.broadcast(&p.live[e], plain)
			continue
		}
		packed := w.compressed(plain)
		if packed.chunk == ch {
			plain.start(2)
		} else {
			plain.start(1)
			packed.start(1)
		}
		pushes += w.broadcast(&p.live[e], plain) + w.broadcast(&p.live[encodingCompressed], packed)
	}
	w.splice(flush)
	return pushes
}

// broadcast sends b to all of subs: at once if they are few, otherwise a slice per turn
// (continueBroadcast), so that the shard's other topics and its inbox do not wait. A
// broadcast to subs that is under way is finished first, which keeps the order. It
// returns the number of pushes made of b.
func (w *worker) broadcast(subs *subscribers, b broadcast) (pushes int) {
	w.finishBroadcast(subs)
	subs.broadcast, subs.owed, subs.sending = b, len(subs.list), true
	if subs.owed > w.core.slice || b.compression != nil {
		w.broadcasts = append(w.broadcasts, subs)
		return 0
	}
	pushes = subs.owed
	w.push(subs, pushes)
	w.endBroadcast(subs)
	return pushes
}

// prefetchAhead is how many connections are read before the first of them is pushed
// to. A push ends in an atomic operation, which waits for memory. Prefetching overlaps
// these waits for the connections that are not in the processor's caches. The processor
// keeps no more than about this many reads in flight.
const prefetchAhead = 8

// push sends the broadcast to up to n of the subscribers that are still owed it.
func (w *worker) push(subs *subscribers, n int) {
	if subs.broadcast.chunk == nil {
		for ; n > 0 && subs.owed > 0; n-- {
			subs.owed--
			w.tickTo(subs.list[subs.owed])
		}
		return
	}
	end := max(0, subs.owed-n)
	ch := subs.broadcast.chunk
	for subs.owed > end {
		group := max(end, subs.owed-prefetchAhead)
		for _, s := range subs.list[group:subs.owed] {
			s.conn.ring.PrefetchPush()
		}
		for subs.owed > group {
			subs.owed--
			if w.pushTo(subs.list[subs.owed], ch) {
				subs.broadcast.taken++
			}
		}
	}
}

// pushTo offers a live chunk to one subscriber, and reports whether its queue took it.
func (w *worker) pushTo(s *sub, ch *Chunk) bool {
	ok := s.conn.offer(ch, s.epoch)
	if !ok {
		s.miss(ch)
		w.count[countOverflows]++
	}
	w.handOver(s.conn)
	return ok
}

// send pushes a chunk that is not bounded by the queue (see Conn.admit).
func (w *worker) send(c *Conn, ch *Chunk) {
	if c.Closed() {
		return
	}
	ch.takers++
	c.admit(ch)
	w.handOver(c)
}

// handOver has the next splice put c in the run queue of its writer, if c had nothing
// to send until now.
func (w *worker) handOver(c *Conn) {
	if c.claim() {
		w.chains[c.writer].add(c)
	}
}

// splice hands the connections that were pushed to so far to their writers. flush is
// as in broadcast.
func (w *worker) splice(flush int64) {
	for i := range w.chains {
		w.core.queues[i].splice(&w.chains[i], flush)
	}
}

// markSealed makes the current state the sealed one. It takes the same time however
// much was pending: later turns release the replaced values.
func (w *worker) markSealed(p *topicShard) {
	w.releaseLater(p)
	if p.sealed != p.seq {
		p.sealed = p.seq
		p.cache.clear()
	}
	p.cache.invalidated = false
	p.arrival, p.delivered, p.lead = 0, 0, false
}

// start prepares the broadcast of a sealed chunk to a number of lists. Call it before the
// first of them. Otherwise the end of one broadcast could release the chunk that the
// others still need, or let the next seal begin.
func (b *broadcast) start(lists int) {
	b.chunk.pool.startBroadcasts(b.chunk, lists)
	b.shard.broadcasts += lists
}

// continueBroadcast does one slice of the broadcast that has waited longest: some of its
// pushes, or of the compression before them.
func (w *worker) continueBroadcast() {
	if len(w.broadcasts) == 0 {
		return
	}
	subs := w.broadcasts[0]
	w.broadcasts = slices.Delete(w.broadcasts, 0, 1)
	if !subs.sending {
		return // a command has finished it
	}
	if subs.broadcast.compression != nil && subs.owed > 0 {
		w.compressLive(&subs.broadcast)
	} else {
		w.push(subs, w.core.slice)
		w.splice(subs.broadcast.flush)
	}
	if subs.owed > 0 {
		w.broadcasts = append(w.broadcasts, subs)
		return
	}
	w.endBroadcast(subs)
}

// finishBroadcast sends the rest of the broadcast to subs, if one is under way. A chunk
// that is not compressed yet is sent as it is.
func (w *worker) finishBroadcast(subs *subscribers) {
	if subs.sending {
		w.push(subs, subs.owed)
		w.endBroadcast(subs)
	}
}

// finishTicks sends the rest of the ticks of p that are under way.
func (w *worker) finishTicks(p *topicShard) {
	for _, k := range p.classes {
		if k != nil {
			w.finishBroadcast(&k.subscribers)
		}
	}
}

// endBroadcast ends the broadcast to subs, after it has gone to every subscriber.
func (w *worker) endBroadcast(subs *subscribers) {
	p, ch, taken := subs.broadcast.shard, subs.broadcast.chunk, subs.broadcast.taken
	if k := subs.broadcast.compression; k != nil {
		k.free(false)
	}
	subs.broadcast, subs.sending = broadcast{}, false
	if p == nil {
		return
	}
	ch.pool.endBroadcast(ch, taken)
	if p.broadcasts--; p.broadcasts == 0 && p.watchers > 0 && p.seq > p.sealed {
		w.schedule(p) // what became pending meanwhile
	}
}

// catchUp sends s the broadcast that it is still owed, if any. A command calls it first,
// so that what it sends comes after the broadcast.
func (w *worker) catchUp(s *sub) {
	subs := s.subscribers()
	if int(s.pos) >= subs.owed {
		return
	}
	subs.markServed(s)
	if subs.broadcast.chunk == nil {
		w.tickTo(s)
	} else if w.pushTo(s, subs.broadcast.chunk) {
		subs.broadcast.taken++
	}
}
