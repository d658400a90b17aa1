package shard

import (
	"time"

	"pitwall/codec"
)

// A position is shown under its live time, and the order rule compares live times. It
// is the device's own time as long as that is credible. Otherwise it is made up from
// the arrival, so that no clock can freeze a dot or throw it back.
//
// Three clocks are compared: the device's (Position.TS), the Redis server's
// (Position.Arrival) and this machine's. The reader of the stream measures the
// difference of the last two (Batch.Difference); arrival plus difference is the
// live arrival.

// sameUpload is how far apart in arrival, in ms, two records of one upload can be. Of
// two records of one upload, the one with the later device time is newer: that time
// may be wrong but it goes forward.
const sameUpload = 1000

// followsUp bounds by how much, in ms, the device time of the next record can be later
// than that of the last one.
const followsUp = 60_000

// goesOn is how long, in ms of arrivals, the clock of a device that has just been shown
// is assumed to be the same.
const goesOn = 2000

// lastShown is what is known of the position that a device's last value holds.
type lastShown struct {
	mark    int64  // its live time, in ms: what is not newer is late
	ts      int64  // its device time: with the device, the key of its row in the table
	arrival int64  // its arrival by the server's clock
	seq     uint64 // with arrival, its place in the stream
	at      int64  // when it was taken in, on the core's clock
	by      dating // how its live time was found
	made    bool   // mark is not ts
	current bool   // it was sent when it was taken
}

// clock is what a shard remembers of a device's clock.
type clock struct {
	// Device time and arrival of the last record shown that was not dated by
	// itself, and how it was dated.
	madeTS, madeArrival int64
	madeBy              dating
	// By dating, the newest device time shown; at most followsUp after the last one.
	madeTop [datedNot + 1]int64
	ownTS   int64   // device time of the last record shown that was dated by itself
	fallen  *fallen // nil while no record was much older than its arrival
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

// verdict is the result of the order rule for a record.
type verdict struct {
	live    int64 // the time to show it under
	by      dating
	made    bool // live is not the device's own time
	news    bool // it is newer than what is shown
	current bool // it was sent when it was taken
}

// judge finds the live time of r and whether it is news. Warm records come in any
// order, so nothing is concluded from their order.
func (w *worker) judge(d *device, r *codec.Position, warm bool) verdict {
	if !warm {
		w.followClock(d, r)
	}
	live, by := w.date(d, r)
	v := verdict{live: live, by: by, made: by != datedItself, current: w.isCurrent(r)}
	switch {
	case d.val == nil:
		v.news = true
		return v
	case warm:
		v.news = d.newerAtStart(r, v)
	case by == datedLate:
		v.news = live > d.shown.mark
	case by != datedItself:
		v.news = w.newest(d, r, v)
	case d.isOlder(r), w.isOlderByItself(d, r): // no news
	case live > d.shown.mark:
		// What is shown may be dated by its arrival. Then what was there before it is
		// older, although the device's clock is ahead of the arrival.
		v.news = !d.shown.made || d.shown.before(r)
	default:
		v.news = w.outrun(d, r)
	}
	if v.news && live <= d.shown.mark {
		v.live, v.made = d.shown.mark+1, true
	}
	return v
}

// isCurrent reports whether the device's time agrees with the arrival, by either
// clock.
func (w *worker) isCurrent(r *codec.Position) bool {
	return min(distance(r.TS, r.Arrival), distance(r.TS, r.Arrival+w.difference)) <= w.core.tolerance
}

// newest reports whether r, which is dated by its arrival, is newer than what is
// shown. Of two records of one upload the newer device time wins; so a record
// that is read again is no news. Device times are compared only where both are of
// the same clock; otherwise it is the place in the stream.
func (w *worker) newest(d *device, r *codec.Position, v verdict) bool {
	s, c := &d.shown, &d.clock
	later := s.before(r)
	// A server that has taken over may go on with earlier ids. What is read again
	// has them as well, but not the times that come next, not even where the device's
	// clock has gone back meanwhile.
	newer := r.TS > c.madeTS && (later || r.TS > c.madeTop[v.by] && r.TS-c.madeTS < followsUp)
	switch {
	case s.made && c.madeBy != v.by:
		return later
	case !s.made && v.by == datedAhead: // the device's clock was right
		return later && r.TS > s.ts && (c.madeBy != datedAhead || newer || r.Arrival > c.madeArrival+sameUpload)
	case !s.made:
		return later
	case v.by == datedNot:
		return later || newer && r.TS > c.madeTS+sameUpload
	}
	return newer || later && (r.Arrival > c.madeArrival+sameUpload || w.now-s.at > sameUpload*int64(time.Millisecond))
}

// before reports whether r comes after what is shown in the stream.
func (s *lastShown) before(r *codec.Position) bool {
	return r.Arrival > s.arrival || r.Arrival == s.arrival && r.Seq > s.seq
}

// newerAtStart is the rule for a record that is read back at start. Those under
// their own time are in its order. Where one of the two is dated by its arrival the
// later arrival is newer, unless the other was sent late.
func (d *device) newerAtStart(r *codec.Position, v verdict) bool {
	s := &d.shown
	switch {
	case v.by == datedLate || s.by == datedLate, v.by == datedItself && s.by == datedItself:
		return v.live > s.mark
	case v.by == datedItself && !v.current, s.by == datedItself && !s.current:
		return v.live > s.mark
	case v.by == s.by && v.by != datedNot && distance(r.Arrival, s.arrival) <= sameUpload:
		return r.TS > s.ts
	case r.Arrival == s.arrival: // one upload, unless the device's clock has just changed
		return r.TS > s.ts && (v.by == s.by || r.TS-s.ts < fallenLeast)
	}
	return r.Arrival > s.arrival
}

// isOlder reports whether r is older than what is shown by the device's own clock,
// although what is shown could not be dated by it: the server's clock may be the
// wrong one. A device whose clock was put back is shown again after a moment.
func (d *device) isOlder(r *codec.Position) bool {
	s := &d.shown
	if !s.made || s.by != datedItself && s.by != datedAhead {
		return false
	}
	return r.TS < s.ts && s.ts-r.TS < fallenLeast && r.Arrival-s.arrival < goesOn
}

// isOlderByItself reports whether r, which is dated by itself, is not newer than the
// last one that was, although another one that was not has been shown since. A time
// that is later than a right clock can be is no measure.
func (w *worker) isOlderByItself(d *device, r *codec.Position) bool {
	return r.TS <= d.clock.ownTS && d.clock.ownTS <= r.Arrival+w.difference+w.core.tolerance
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
	return (s.made || beyond) && s.before(r) || beyond && !s.made && r.TS > s.ts
}

// show notes r as what the device's last value holds.
func (w *worker) show(d *device, r *codec.Position, v verdict) {
	d.shown = lastShown{
		mark: v.live, ts: r.TS, arrival: r.Arrival, seq: r.Seq, at: w.now, by: v.by, made: v.made, current: v.current,
	}
	c := &d.clock
	if v.by == datedItself {
		c.ownTS = r.TS
		return
	}
	if c.madeTS, c.madeArrival, c.madeBy = r.TS, r.Arrival, v.by; v.by == datedLate {
		c.madeBy = datedFallen
	}
	top := &c.madeTop[c.madeBy]
	*top = min(max(*top, r.TS), r.TS+followsUp)
}

// same reports whether r is what is shown: the same record again, or one of the
// same time. Without a time it is the entry that counts.
func (d *device) same(r *codec.Position) bool {
	return d.val != nil && r.TS == d.shown.ts && (!r.Untimed || r.Arrival == d.shown.arrival)
}
