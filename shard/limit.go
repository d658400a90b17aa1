package shard

// limit bounds how much of a device is shown. It is a leaky bucket in one number (the
// generic cell rate algorithm): each position costs the time for which the limits allow
// one such position, and full is the moment at which everything admitted is paid for.
type limit struct {
	full int64 // on the core's clock, ns
}

// limitBurst is how far ahead of its limit a device may be, in ns.
const limitBurst = int64(1e9)

// admit reports whether a position of so many bytes may be shown now, and if so charges
// the device for it. A device beyond its limit does not lose its newest position: see
// hold.
func (w *worker) admit(d *device, bytes int) bool {
	c := w.core
	cost := max(c.recordCost, c.byteCost*int64(bytes))
	if cost == 0 {
		return true
	}
	if d.limit.full-w.now > limitBurst {
		return false
	}
	d.limit.full = max(d.limit.full, w.now) + cost
	return true
}

// hold keeps next, the newest position of a device beyond its limit, until the limit
// allows it. It replaces one that is held already. arrival is its live arrival, by is the
// arrival by the server's clock.
func (w *worker) hold(d *device, next *value, arrival, by int64) {
	w.count[countLimited]++
	if d.held == nil {
		d.heldFrom = by
	}
	if !d.holds {
		d.holds = true
		w.holding = append(w.holding, d)
	}
	w.values.release(d.held)
	d.held, d.heldArrival = next, arrival
}

// forgetHeld drops what d holds back, since something newer is shown. releaseHeld takes
// d off the list later.
func (w *worker) forgetHeld(d *device) {
	w.values.release(d.held)
	d.held = nil
}

// releaseHeld shows what devices hold back, if their limit allows it now, and returns
// when the next one is due; never if none is.
func (w *worker) releaseHeld() (next int64) {
	next = never
	from := int64(never)
	kept := w.holding[:0]
	for _, d := range w.holding {
		if d.held != nil && !w.admit(d, len(d.held.buf)) {
			kept = append(kept, d)
			from = min(from, d.heldFrom)
			next = min(next, d.limit.full-limitBurst)
			continue
		}
		d.holds = false
		w.showHeld(d)
	}
	clear(w.holding[len(kept):])
	w.holding = kept
	w.publishHeld(from)
	return next
}

// showHeld shows what d holds back.
func (w *worker) showHeld(d *device) {
	held := d.held
	if held == nil {
		return
	}
	d.held = nil
	w.addPending(w.setValue(d, held, d.heldArrival, 0))
}

// cost is the time, in ns, that one of so many per second takes; 0 for no limit.
func cost(perSecond int) int64 {
	if perSecond == 0 {
		return 0
	}
	return max(1, 1e9/int64(perSecond))
}
