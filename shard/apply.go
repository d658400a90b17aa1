package shard

import "pitwall/codec"

// apply takes in a batch, in its order.
func (w *worker) apply(b *Batch) {
	w.beginUpdate(w.core.snapshot.Load())
	w.difference = b.Difference
	for i := range b.Positions {
		w.position(&b.Positions[i], b.Warm, b.delivered)
	}
	w.core.release(b)
}

// origin is when a position came, for what is measured of it.
type origin struct {
	arrival   int64 // live arrival, ms since the Unix epoch; 0 for none
	delivered int64 // when it was delivered, on the core's clock; 0 if no reader delivered it
}

// position takes in one position: it applies the order rule, encodes the position
// once, and makes it the device's last value. A warm one was read again at start; it
// is not counted. delivered is as in origin.
func (w *worker) position(r *codec.Position, warm bool, delivered int64) {
	from := origin{r.Arrival + w.difference, delivered}
	if r.Faulty {
		if !warm {
			w.count.faulty++
		}
		return
	}
	d := w.devices[r.DeviceID]
	if d == nil {
		d = w.addDevice(r.DeviceID)
	}
	if d.orphan {
		w.orphans.touch(d)
		if !warm {
			w.count.orphans++
		}
	}
	if d.same(r) {
		w.repeated(d, r, from, warm)
		return
	}
	v := w.applyOrderRule(d, r, warm)
	if !warm {
		w.countClock(v)
	}
	if d.bans.has(r.TS, v.live) {
		if !warm {
			w.count.faulty++
		}
		return
	}
	if !v.newer {
		if !warm {
			w.count.late++
		}
		return
	}
	w.show(d, r, v)
	next := w.values.fresh()
	next.buf = w.appendBody(next.buf, r, v.live)
	w.setValue(d, next, from, warm)
}

// countClock counts records that are not shown under their own time.
func (w *worker) countClock(v decision) {
	switch v.by {
	case datedAhead:
		w.count.future++
	case datedFallen, datedLate:
		w.count.fallen++
	}
}

// appendBody appends r, dated ts, to buf. Attributes beyond the bound are left out,
// since every spectator would pay for them.
func (w *worker) appendBody(buf []byte, r *codec.Position, ts int64) []byte {
	if most := w.core.maxAttributes; most > 0 && len(r.Attributes) > most {
		bare := *r
		bare.Attributes = ""
		w.count.bare++
		r = &bare
	}
	return codec.AppendBody(buf, r, ts)
}

// repeated takes in a record with the device time of what is shown. Mostly it is the
// same record again. Attributes that are not shown yet are added.
func (w *worker) repeated(d *device, r *codec.Position, from origin, warm bool) {
	if next := w.added(d, r); next != nil {
		if !warm {
			w.count.added++
		}
		w.setValue(d, next, from, warm)
	} else if !warm {
		w.count.duplicates++
	}
}

// added returns the newest value of d with the attributes that r adds to it, nil
// for none. The bound holds for all of them together, however many records bring them.
func (w *worker) added(d *device, r *codec.Position) *value {
	if r.Attributes == "" {
		return nil
	}
	last, most := d.val, maxAddedBody
	if d.held != nil {
		last = d.held
	}
	if bound := w.core.maxAttributes; bound > 0 {
		most = bound + bareBody
	}
	next := w.values.fresh()
	var added bool
	if next.buf, added = codec.AppendAdded(next.buf, last.buf, r); added && len(next.buf) <= most {
		return next
	}
	w.values.release(next)
	return nil
}

const (
	maxAddedBody = 32 << 10 // bytes of a position to which attributes are added, without another bound
	bareBody     = 512      // bytes of a position without attributes, and to spare
)

// setValue makes next the device's last value and appends it to the pending bytes of
// its topics. If the device is beyond its limit, next is held back instead, unless
// it is unlimited: admitted before, or read again at start.
func (w *worker) setValue(d *device, next *value, from origin, unlimited bool) {
	if !unlimited && !w.admit(d, len(next.buf)) {
		w.hold(d, next, from.arrival)
		return
	}
	w.forgetHeld(d)
	old := d.val
	d.val = next
	for _, n := range d.memberships {
		w.update(n, old, from)
	}
	w.values.release(old)
}

// update tells n that its device has a new value, which is appended to the pending
// bytes of the topic shard. old is the value before. The value of the last seal stays
// in n.old, since snapshots show the state of that seal.
func (w *worker) update(n *membership, old *value, from origin) {
	p := n.shard
	p.pin(n, old)
	w.releaseReplaced(n)
	if p.watchers > 0 {
		if old != nil && n.seq > 0 && n.seq <= p.sealed {
			old.refs++
			n.old, n.oldSeq = old, n.seq
		}
		for e := range uncompressedEncodings {
			if p.wants(e) {
				w.open(p, e).add(p.topic.frames, e, n.dev.val.buf)
			}
		}
		p.notePending(from)
		w.schedule(p)
	}
	p.touch(n)
}

// addDevice makes the record of a device that is new to this shard.
func (w *worker) addDevice(id string) *device {
	d := &device{id: cloneString(id)}
	topics := w.snap.Topics(id)
	for _, t := range topics {
		if p := t.shards[w.id]; !w.awaits(p, id) {
			p.join(d)
		}
	}
	w.devices[d.id] = d
	if len(topics) == 0 {
		w.markOrphan(d)
	}
	return d
}

// markOrphan makes d an orphan: a device in no event. If there are too many, the one
// that was heard of longest ago is forgotten.
func (w *worker) markOrphan(d *device) {
	d.orphan = true
	w.orphans.push(d)
	if w.orphans.n > w.core.maxOrphans {
		gone := w.orphans.oldest
		w.orphans.remove(gone)
		delete(w.devices, gone.id)
		w.values.release(gone.val)
		w.forgetHeld(gone)
	}
	w.stats.orphanDevices.Store(int64(w.orphans.n))
}
