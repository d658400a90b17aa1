package shard

import (
	"strings"

	"pitwall/codec"
)

// newValue is a new last value of a device, on its way to the subscribers of its
// topics. The zero newValue is for nobody.
type newValue struct {
	memberships []*membership // that it is new to
	old         *value        // the value before; nil for none
	arrival     int64         // live arrival, ms since the Unix epoch; 0 for none
	delivered   int64         // when Deliver was called, on the core's clock; 0 if no reader brought it
}

// takeIn takes in one position. If it is to be shown now, takeIn encodes it and
// returns it as the new value of its device. A warm position was read again at start;
// it is not counted.
func (w *worker) takeIn(r *codec.Position, warm bool, delivered int64) newValue {
	count := &w.count
	if warm {
		count = new(counts)
	}
	if r.Faulty {
		count[countFaulty]++
		return newValue{}
	}
	w.noteSecond(r.Arrival)
	d := w.devices[r.DeviceID]
	if d == nil {
		d = w.addDevice(r.DeviceID)
	}
	if d.orphan != nil {
		w.orphans.MoveToBack(d.orphan)
		count[countOrphans]++
	}
	next := w.accept(d, r, warm, count)
	if next == nil {
		return newValue{}
	}
	arrival := r.Arrival + w.difference
	if warm {
		arrival = 0 // the age of a position that is read again is not a delivery's
	}
	if !warm && !w.admit(d, len(next.buf)) {
		w.hold(d, next, arrival, r.Arrival)
		return newValue{}
	}
	return w.setValue(d, next, arrival, delivered)
}

// accept applies the order rule to r and encodes it. It returns nil for a record that
// shows nothing new.
func (w *worker) accept(d *device, r *codec.Position, warm bool, count *counts) *value {
	if d.same(r) { // mostly the same record again
		next := w.added(d, r)
		if next == nil {
			count[countDuplicates]++
		} else {
			count[countAdded]++
		}
		return next
	}
	v := w.applyOrderRule(d, r, warm)
	switch v.by {
	case datedAhead:
		count[countFuture]++
	case datedFallen, datedLate:
		count[countFallen]++
	}
	switch {
	case d.bans.has(r.TS, v.live):
		count[countFaulty]++
		return nil
	case !v.newer:
		count[countLate]++
		return nil
	}
	w.show(d, r, v)
	next := w.values.fresh()
	next.buf = w.appendBody(next.buf, r, v.live, count)
	return next
}

// setValue makes next the last value of d, and returns what its topics have to be told.
func (w *worker) setValue(d *device, next *value, arrival, delivered int64) newValue {
	w.forgetHeld(d)
	old := d.val
	d.val = next
	return newValue{d.memberships, old, arrival, delivered}
}

// addPending appends a new value to the pending bytes of each of its topics. The old
// value stays with the membership if subscribers were sent it with the last seal, since
// snapshots show the state of that seal.
func (w *worker) addPending(v newValue) {
	for _, n := range v.memberships {
		p := n.shard
		w.noteChange(p)
		p.pin(n, v.old)
		w.releaseReplaced(n)
		if p.watchers > 0 {
			if v.old != nil && n.seq > 0 && n.seq <= p.sealed {
				v.old.refs++
				n.old, n.oldSeq = v.old, n.seq
			}
			for e := range uncompressedEncodings {
				if p.wants(e) {
					w.pendingIn(p, e).add(p.topic.frames, e, n.dev.val.buf)
				}
			}
			p.notePending(v.arrival, v.delivered)
			w.schedule(p)
		}
		p.touch(n)
	}
	w.values.release(v.old)
}

// appendBody appends r, shown under ts, to buf. Attributes beyond the bound are left
// out, and counted in count: every spectator would have to receive them.
func (w *worker) appendBody(buf []byte, r *codec.Position, ts int64, count *counts) []byte {
	if most := w.core.maxAttributes; most > 0 && len(r.Attributes) > most {
		bare := *r
		bare.Attributes = ""
		count[countAttributesTooLong]++
		r = &bare
	}
	return codec.AppendBody(buf, r, ts)
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
	bareBody     = 512      // more bytes than a position without attributes takes
)

// addDevice makes the record of a device that is new to this shard.
func (w *worker) addDevice(id string) *device {
	d := &device{id: strings.Clone(id)}
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
	d.orphan = w.orphans.PushBack(d)
	if w.orphans.Len() > w.core.maxOrphans {
		gone := w.orphans.Remove(w.orphans.Front()).(*device)
		delete(w.devices, gone.id)
		w.values.release(gone.val)
		w.forgetHeld(gone)
	}
	w.stats.orphanDevices.Store(int64(w.orphans.Len()))
}
