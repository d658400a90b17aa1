package shard

import "pitwall/codec"

// The time that a position is shown under, and judged by, is its live time. It
// is the device's own time as long as that can be believed. Where it cannot be,
// a live time is made up from the arrival, so that no clock can freeze a dot or
// throw it back (contract 1, "Time and arrival" and what follows it).
//
// Three clocks are compared: the device's (Position.TS), the Redis server's
// (Position.Arrival) and this machine's. The reader of the stream measures the
// difference of the last two (Batch.Difference); arrival plus difference is the
// live arrival.

// sameUpload is how far apart in arrival, in ms, two records are taken as parts
// of one upload. The newer of the two is then told by the device's time, which
// may be wrong but goes forward.
const sameUpload = 1000

// lastShown is what is known of the position that a device's last value holds.
type lastShown struct {
	mark    int64 // its live time, in ms: what is not newer is late
	ts      int64 // its device time: with the device, the key of its row in the table
	arrival int64 // its arrival by the server's clock
	made    bool  // mark was made up
}

// clock is what a shard remembers of a device's clock.
type clock struct {
	// Device time and arrival of the last record shown that was not dated by
	// itself, and how it was dated.
	madeTS, madeArrival int64
	madeBy              dating
	fallen              *fallen // nil while the device was never far behind
}

// dating is how the live time of a record was found.
type dating uint8

const (
	datedItself dating = iota // the device's own time
	datedAhead                // by its arrival: the device's clock runs ahead
	datedFallen               // by its arrival: the device's clock has fallen back
	datedLate                 // by the device's time, less the offset of its fallen clock
	datedNot                  // by its arrival: it has no time
)

// date returns the live time of r by itself, whatever is shown.
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

// verdict is what the order rule says of a record.
type verdict struct {
	live int64 // the time to show it under
	by   dating
	made bool // live is not the device's own time
	news bool // it is newer than what is shown
}

// judge works out the live time of r and whether it is news. A warm record is
// one of several that come in any order, so nothing is concluded from the order.
func (w *worker) judge(d *device, r *codec.Position, warm bool) verdict {
	if !warm {
		w.followClock(d, r)
	}
	live, by := w.date(d, r)
	v := verdict{live: live, by: by, made: by != datedItself}
	switch {
	case d.val == nil:
		v.news = true
	case by == datedLate:
		v.news = live > d.shown.mark
	case by != datedItself:
		v.news = d.newest(r, v, warm)
		v.live = max(live, d.shown.mark+1)
	case live > d.shown.mark:
		// What is shown may be dated by its arrival. Then an older arrival is older,
		// although the device's clock is a little ahead of it.
		v.news = !d.shown.made || r.Arrival >= d.shown.arrival || live > d.shown.mark+w.core.tolerance
	case !warm && w.outrun(d, r):
		v.live, v.made, v.news = d.shown.mark+1, true, true
	}
	return v
}

// newest reports whether r, which is dated by its arrival, is newer than what is
// shown. Of two records of one upload the newer device time wins; so a record
// that is read again is no news. Device times are compared only where both are of
// the same clock.
func (d *device) newest(r *codec.Position, v verdict, warm bool) bool {
	s, c := &d.shown, &d.clock
	newer := r.TS > c.madeTS
	switch {
	case warm:
		return v.live > s.mark || s.made && r.Arrival == s.arrival && newer
	case s.made && c.madeBy != v.by:
		return r.Arrival > s.arrival
	case !s.made && r.Arrival < s.arrival:
		return false // what is shown has come by another way, before it
	}
	return newer || r.Arrival > c.madeArrival+sameUpload
}

// outrun reports whether r, which is not newer than what is shown, is current and
// late only because a wrong clock has set the mark. That is so where what is shown
// was dated by its arrival, and where the mark is later than a right clock can be.
func (w *worker) outrun(d *device, r *codec.Position) bool {
	at, tolerance := r.Arrival+w.difference, w.core.tolerance
	if r.TS < at-tolerance {
		return false
	}
	s, beyond := &d.shown, d.shown.mark > at+tolerance
	return (s.made || beyond) && r.Arrival > s.arrival || beyond && !s.made && r.TS > s.ts
}

// show notes r as what the device's last value holds.
func (d *device) show(r *codec.Position, v verdict) {
	d.shown = lastShown{mark: v.live, ts: r.TS, arrival: r.Arrival, made: v.made}
	if v.by != datedItself {
		c := &d.clock
		if c.madeTS, c.madeArrival, c.madeBy = r.TS, r.Arrival, v.by; v.by == datedLate {
			c.madeBy = datedFallen
		}
	}
}
