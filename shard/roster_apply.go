package shard

// applyRoster carries out a change of a topic's devices on this shard: the roster
// frame, then the last value of the devices that joined. One that leaves its
// last topic and has another by the new map is no orphan in between: it could
// be forgotten as one.
func (w *worker) applyRoster(c *change) (pushes int) {
	p := c.shard
	for _, id := range c.removed {
		if d := w.devices[id]; d != nil {
			p.removeDevice(d, &w.values)
			if len(d.memberships) == 0 && !d.orphan && len(w.snap.Topics(id)) == 0 {
				w.markOrphan(d)
			}
		}
	}
	p.cache.invalidate()
	p.seq++
	w.logRoster(p, c)
	pushes = w.announce(p, p.topic.frames.AppendRosterFrame(nil, c.added, c.removed), p.seq-1)
	for _, id := range c.added {
		d := w.devices[id]
		if d == nil {
			continue // not heard of: its first record finds the topic
		}
		if d.orphan {
			d.orphan = false
			w.orphans.remove(d)
			w.stats.orphanDevices.Store(int64(w.orphans.n))
		}
		n := p.join(d)
		if d.val != nil {
			w.update(n, nil, origin{})
		}
	}
	return pushes
}

// announce puts a frame about the updates after since into the live flow of a
// part, and sends it at once to those who asked for an interval. If they lose
// it, they are told of all updates after since again.
func (w *worker) announce(p *topicShard, frame []byte, since uint64) (pushes int) {
	if p.watchers == 0 {
		return 0
	}
	for s := range uncompressedEncodings {
		if p.wants(s) {
			w.open(p, s).frame(p.topic.frames, frame)
		}
	}
	w.schedule(p)
	ch := &Chunk{body: frame, shard: p, since: since, sealed: w.now}
	for _, k := range p.classes {
		if k != nil {
			pushes += w.begin(&k.subscribers, broadcast{chunk: ch, due: never})
		}
	}
	w.splice(0)
	return pushes
}
