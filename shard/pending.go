package shard

import "pitwall/codec"

// pending is what waits for the next flush in one encoding.
type pending struct {
	chunk   *Chunk // its body is what waits; nil while nothing does
	mark    int    // where the open positions frame begins
	open    bool   // a positions frame is open
	records uint32
	size    int // bytes at the last seal: the size for which the next chunk is made

	from uint64 // joins and leaves up to here are not in it, if that is beyond the last seal
}

// add appends a position's body. The chunk must exist: see worker.pendingIn.
func (p *pending) add(t *codec.Topic, e encoding, body []byte) {
	c := p.chunk
	if e == encodingPlain {
		c.body = t.AppendPositionFrame(c.body, body)
	} else {
		if !p.open {
			c.body, p.mark = t.BeginPositions(c.body)
			p.open = true
		}
		c.body = t.WidenPositions(t.AppendItem(c.body, body), p.mark)
	}
	p.records++
}

// frame appends a frame of another kind after what is pending.
func (p *pending) frame(t *codec.Topic, frame []byte) {
	p.finish(t)
	p.chunk.rosterMarks = append(p.chunk.rosterMarks, rosterMark{len(p.chunk.body), p.records})
	p.chunk.body = append(p.chunk.body, frame...)
}

// finish closes the open positions frame.
func (p *pending) finish(t *codec.Topic) {
	if p.open {
		p.chunk.body = t.EndPositions(p.chunk.body, p.mark)
		p.open = false
	}
}

// take returns the finished chunk, nil if nothing waits, and starts anew.
func (p *pending) take(t *codec.Topic) *Chunk {
	c := p.chunk
	if c == nil {
		return nil
	}
	p.finish(t)
	c.records = p.records
	*p = pending{size: len(c.body)}
	return c
}

// pendingIn returns the pending bytes of p in one encoding, ready for add.
func (w *worker) pendingIn(p *topicShard, e encoding) *pending {
	q := &p.pending[e]
	if q.chunk == nil {
		q.chunk = w.livePool.get(q.size)
	}
	return q
}

// notePending notes when a position arrived and was delivered that is pending now; see
// newValue. The oldest arrival counts.
func (p *topicShard) notePending(arrival, delivered int64) {
	if arrival != 0 && (p.arrival == 0 || arrival < p.arrival) {
		p.arrival = arrival
	}
	if p.delivered == 0 {
		p.delivered = delivered
	}
}

// schedule has p sealed at the topic's next flush time, or now if that has passed.
// While the last seal is still being broadcast, nothing is due: endBroadcast schedules
// what has become pending meanwhile.
func (w *worker) schedule(p *topicShard) {
	if p.deadline.pos >= 0 || p.broadcasts > 0 {
		return
	}
	due, lead := p.topic.schedule.join(w.now, w.core.window.Load())
	p.lead = lead
	w.timers.set(&p.deadline, due)
}
