package shard

import "pitwall/codec"

// A position is shown under its live time, and the order rule (order_rule.go) compares
// live times. The live time is the device's own time if that is credible. Otherwise it
// is derived from the arrival, so that no wrong clock can freeze a device on the map or
// throw it back.
//
// Three clocks are compared: the device's (Position.TS), the Redis server's
// (Position.Arrival) and this machine's. The reader of the stream measures the
// difference of the last two (Batch.Difference). Arrival plus difference is the live
// arrival.

// maxStep bounds, in ms, how much later the device time of the next record can be than
// that of the last one.
const maxStep = 60_000

// lastShown is what a shard remembers of the position that is a device's last value.
type lastShown struct {
	mark     int64  // its live time, in ms: a record that is not newer is late
	ts       int64  // its device time: with the device, the key of its row in the table
	arrival  int64  // its arrival by the server's clock
	seq      uint64 // with arrival, its place in the stream
	at       int64  // when it was taken in, on the core's clock
	by       dating // how its live time was found
	adjusted bool   // mark is not ts
	current  bool   // it was sent as soon as it was measured
}

// clock is what a shard remembers of a device's clock.
type clock struct {
	// Device time and arrival of the last record shown that was not dated by its own
	// time, and how it was dated.
	adjustedTS, adjustedArrival int64
	adjustedBy                  dating
	// The newest device time shown, by dating. It is at most maxStep later than that of
	// the last record.
	newestTS [datedNot + 1]int64
	ownTS    int64   // device time of the last record shown that was dated by its own time
	fallen   *fallen // nil while no record was much older than its arrival
}

// dating is how the live time of a record was found.
type dating uint8

const (
	datedItself dating = iota // the device's own time
	datedAhead                // by its arrival: the device's clock runs ahead
	datedFallen               // by its arrival: the device's clock has fallen back
	datedLate                 // by the device's time minus the offset of its fallen clock
	datedNot                  // by its arrival: it has no time
)

// date returns the live time of r, without regard to what is shown.
func (w *worker) date(d *device, r *codec.Position) (live int64, by dating) {
	at, tolerance := r.Arrival+w.difference, w.core.tolerance
	if r.Untimed {
		return at, datedNot
	}
	if offset := d.clock.offset(); offset != 0 && r.TS < at-fallenLeast {
		if r.TS < at+offset-tolerance {
			return r.TS - offset, datedLate
		}
		return at, datedFallen
	}
	if r.TS > at+tolerance && distance(r.TS, r.Arrival) > tolerance {
		return at, datedAhead
	}
	return r.TS, datedItself
}

// isCurrent reports whether the device's time agrees with the arrival, by the server's
// clock or by this machine's.
func (w *worker) isCurrent(r *codec.Position) bool {
	return min(distance(r.TS, r.Arrival), distance(r.TS, r.Arrival+w.difference)) <= w.core.tolerance
}

// show notes that the device's last value holds r.
func (w *worker) show(d *device, r *codec.Position, v decision) {
	d.shown = lastShown{
		mark: v.live, ts: r.TS, arrival: r.Arrival, seq: r.Seq, at: w.now, by: v.by, adjusted: v.adjusted, current: v.current,
	}
	w.latest = max(w.latest, v.live)
	c := &d.clock
	if v.by == datedItself {
		c.ownTS = r.TS
		return
	}
	if c.adjustedTS, c.adjustedArrival, c.adjustedBy = r.TS, r.Arrival, v.by; v.by == datedLate {
		c.adjustedBy = datedFallen
	}
	top := &c.newestTS[c.adjustedBy]
	*top = min(max(*top, r.TS), r.TS+maxStep)
}

// same reports whether r is what is shown: the same record again, or another one of
// the same device time. Records without a time are told apart by their arrival.
func (d *device) same(r *codec.Position) bool {
	return d.val != nil && r.TS == d.shown.ts && (!r.Untimed || r.Arrival == d.shown.arrival)
}
