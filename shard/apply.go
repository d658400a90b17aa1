package shard

import "pitwall/codec"

// apply takes one batch in, in its order.
func (w *worker) apply(b *Batch) {
	w.adopt(w.core.snapshot.Load())
	w.read = b.read
	for i := range b.Positions {
		w.position(&b.Positions[i], b.Warm)
	}
	w.core.release(b)
}

// position takes one position in: the order rule, the device's last value, and
// the pending bytes of its topics.
func (w *worker) position(r *codec.Position, warm bool) {
	if r.Faulty {
		if !warm {
			w.count.faulty++
		}
		return
	}
	ts := w.liveTime(r)
	if ts != r.TS && !warm {
		w.count.future++
	}
	d := w.devices[r.DeviceID]
	if d == nil {
		d = w.meet(r.DeviceID)
	}
	if d.orphan {
		w.orphans.touch(d)
		if !warm {
			w.count.orphans++
		}
	}
	if ts == d.banned {
		if !warm {
			w.count.faulty++
		}
		return
	}
	if d.val != nil && ts <= d.mark {
		if warm {
			return // read again at start: no news
		}
		if ts == d.mark {
			w.count.duplicates++
		} else {
			w.count.late++
		}
		return
	}
	d.mark = ts
	old := d.val
	d.val = w.values.fresh()
	d.val.buf = codec.AppendBody(d.val.buf, r, ts)
	for _, n := range d.nodes {
		w.change(n, old, r.Arrival)
	}
	w.values.release(old)
}

// liveTime is the time that a position is shown under and judged by. A clock
// that runs ahead must not freeze the dot: see contract 1.
func (w *worker) liveTime(r *codec.Position) int64 {
	if r.TS-r.Arrival > w.core.tolerance {
		return r.Arrival
	}
	return r.TS
}

// change makes its device's new value n's value; old is the one before.
func (w *worker) change(n *node, old *value, arrival int64) {
	p := n.part
	if p.watchers > 0 {
		if old != nil && n.seq > 0 && n.seq <= p.sealed {
			old.refs++
			n.old, n.oldSeq = old, n.seq
		}
		w.pend(p, n.dev.val.buf, arrival)
	}
	p.touch(n)
}

// meet makes the record of a device that was not heard of so far.
func (w *worker) meet(id string) *device {
	d := &device{id: cloneString(id)}
	topics := w.snap.Topics(id)
	for _, t := range topics {
		if p := t.parts[w.id]; !w.awaits(p, id) {
			p.join(d)
		}
	}
	w.devices[d.id] = d
	if len(topics) == 0 {
		w.abandon(d)
	}
	return d
}

// abandon makes d an orphan; the one heard of longest ago is forgotten when
// there are too many.
func (w *worker) abandon(d *device) {
	d.orphan = true
	w.orphans.push(d)
	if w.orphans.n > w.core.maxOrphans {
		gone := w.orphans.oldest
		w.orphans.remove(gone)
		delete(w.devices, gone.id)
		w.values.release(gone.val)
	}
	w.stats.orphanDevices.Store(int64(w.orphans.n))
}
