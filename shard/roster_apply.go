package shard

// applyRoster applies a piece of a new map: a roster frame, then the last values of
// the devices that joined. A device that leaves its last topic here but has another
// in the new map does not become an orphan meanwhile, since orphans may be forgotten.
// It returns the number of pushes made.
func (w *worker) applyRoster(c *change) (pushes int) {
	p := c.shard
	for _, id := range c.removed {
		if d := w.devices[id]; d != nil {
			p.removeDevice(d, &w.values)
			if len(d.memberships) == 0 && d.orphan == nil && len(w.snap.Topics(id)) == 0 {
				w.markOrphan(d)
			}
		}
	}
	p.cache.invalidate()
	w.noteChange(p)
	p.seq++
	w.logRoster(p, c)
	pushes = w.announce(p, p.topic.frames.AppendRosterFrame(nil, c.added, c.removed), p.seq-1)
	for _, id := range c.added {
		d := w.devices[id]
		if d == nil {
			continue // addDevice makes it a member with its first record
		}
		if d.orphan != nil {
			w.orphans.Remove(d.orphan)
			d.orphan = nil
			w.stats.orphanDevices.Store(int64(w.orphans.Len()))
		}
		if p.join(d); d.val != nil {
			w.addPending(newValue{memberships: d.memberships[len(d.memberships)-1:]})
		}
	}
	return pushes
}

// announce appends a frame about the updates after since to the pending bytes of p, and
// sends it to the interval classes at once. A subscriber that loses it gets everything
// after since again. It returns the number of pushes made.
func (w *worker) announce(p *topicShard, frame []byte, since uint64) (pushes int) {
	if p.watchers == 0 {
		return 0
	}
	for s := range uncompressedEncodings {
		if p.wants(s) {
			w.pendingIn(p, s).frame(p.topic.frames, frame)
		}
	}
	w.schedule(p)
	ch := &Chunk{body: frame, shard: p, since: since, sealed: w.now}
	for _, k := range p.classes {
		if k != nil {
			pushes += w.broadcast(&k.subscribers, broadcast{chunk: ch, due: never})
		}
	}
	w.splice(0)
	return pushes
}
