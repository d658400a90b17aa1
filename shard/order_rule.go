package shard

import (
	"time"

	"pitwall/codec"
)

// uploadSpread is how far apart in arrival, in ms, two records of one upload can be. Of
// two records of one upload, the one with the later device time is newer: that time
// may be wrong but it increases.
const uploadSpread = 1000

// sameClockFor is how long, in ms of arrivals, the clock of a device that has just been
// shown is assumed to be the same.
const sameClockFor = 2000

// decision is the result of the order rule for a record.
type decision struct {
	live     int64 // the time to show it under
	by       dating
	adjusted bool // live is not the device's own time
	newer    bool // than what is shown, so it is shown
	current  bool // it was sent as soon as it was measured
}

// applyOrderRule finds the live time of r and whether it is newer than what is shown.
// Warm records come in any order, so nothing is concluded from their order.
func (w *worker) applyOrderRule(d *device, r *codec.Position, warm bool) decision {
	if !warm {
		w.followClock(d, r)
	}
	live, by := w.date(d, r)
	v := decision{live: live, by: by, adjusted: by != datedItself, current: w.isCurrent(r)}
	switch {
	case d.val == nil:
		v.newer = true
		return v
	case warm:
		v.newer = d.newerAtStart(r, v)
	case by == datedLate:
		v.newer = live > d.shown.mark
	case by != datedItself:
		v.newer = w.newerByArrival(d, r, v)
	case d.isOlder(r), w.isOlderByItself(d, r): // not newer
	case live > d.shown.mark:
		// If what is shown is dated by its arrival, a record that comes before it in the
		// stream is older, even if its device time is later than that arrival.
		v.newer = !d.shown.adjusted || d.shown.before(r)
	default:
		v.newer = w.overridesMark(d, r)
	}
	if v.newer && live <= d.shown.mark {
		v.live, v.adjusted = d.shown.mark+1, true
	}
	return v
}

// newerByArrival reports whether r, which is dated by its arrival, is newer than what
// is shown. Of two records of one upload, the one with the later device time is newer,
// so a record that is read again is not. Device times are compared only if both are of
// the same clock. Otherwise the place in the stream decides.
func (w *worker) newerByArrival(d *device, r *codec.Position, v decision) bool {
	s, c := &d.shown, &d.clock
	later := s.before(r)
	// After a failover, the new Redis server may go on with earlier ids. Records that are
	// read again have earlier ids as well. Their device times tell them apart: those of
	// records read again are not later than the newest one shown, even if the device's
	// clock has gone back meanwhile.
	newer := r.TS > c.adjustedTS && (later || r.TS > c.newestTS[v.by] && r.TS-c.adjustedTS < maxStep)
	switch {
	case s.adjusted && c.adjustedBy != v.by:
		return later
	case !s.adjusted && v.by == datedAhead: // the device's clock was right
		return later && r.TS > s.ts && (c.adjustedBy != datedAhead || newer || r.Arrival > c.adjustedArrival+uploadSpread)
	case !s.adjusted:
		return later
	case v.by == datedNot:
		return later || newer && r.TS > c.adjustedTS+uploadSpread
	}
	return newer || later && (r.Arrival > c.adjustedArrival+uploadSpread || w.now-s.at > uploadSpread*int64(time.Millisecond))
}

// before reports whether what is shown comes before r in the stream.
func (s *lastShown) before(r *codec.Position) bool {
	return r.Arrival > s.arrival || r.Arrival == s.arrival && r.Seq > s.seq
}

// newerAtStart is the rule for a record that is read again at start. Two records under
// their own times are in the order of these. If one of the two is dated by its arrival,
// the later arrival is newer, unless the other was sent late.
func (d *device) newerAtStart(r *codec.Position, v decision) bool {
	s := &d.shown
	switch {
	case v.by == datedLate || s.by == datedLate, v.by == datedItself && s.by == datedItself:
		return v.live > s.mark
	case v.by == datedItself && !v.current, s.by == datedItself && !s.current:
		return v.live > s.mark
	case v.by == s.by && v.by != datedNot && distance(r.Arrival, s.arrival) <= uploadSpread:
		return r.TS > s.ts
	case r.Arrival == s.arrival: // one upload, unless the device's clock has just changed
		return r.TS > s.ts && (v.by == s.by || r.TS-s.ts < fallenLeast)
	}
	return r.Arrival > s.arrival
}

// isOlder reports whether r is older than what is shown by the device's own clock. That
// holds even if what is shown was not dated by this clock, since the server's clock may
// be the wrong one. A device whose clock was put back is shown again after sameClockFor.
func (d *device) isOlder(r *codec.Position) bool {
	s := &d.shown
	if !s.adjusted || s.by != datedItself && s.by != datedAhead {
		return false
	}
	return r.TS < s.ts && s.ts-r.TS < fallenLeast && r.Arrival-s.arrival < sameClockFor
}

// isOlderByItself reports whether r, which is dated by its own time, is not newer than
// the last record shown that was dated in this way. Records that were dated otherwise may
// have been shown since. If a right clock cannot have reached that last time yet, the
// result is false.
func (w *worker) isOlderByItself(d *device, r *codec.Position) bool {
	return r.TS <= d.clock.ownTS && d.clock.ownTS <= r.Arrival+w.difference+w.core.tolerance
}

// overridesMark reports whether r, whose time is not later than the mark, is shown all
// the same: r is current, and a wrong clock has set the mark. That is so if what is shown
// was not dated by its own time, or if a right clock cannot have reached the mark yet.
func (w *worker) overridesMark(d *device, r *codec.Position) bool {
	at, tolerance := r.Arrival+w.difference, w.core.tolerance
	if r.TS < at-tolerance {
		return false
	}
	s, beyond := &d.shown, d.shown.mark > at+tolerance
	return (s.adjusted || beyond) && s.before(r) || beyond && !s.adjusted && r.TS > s.ts
}
