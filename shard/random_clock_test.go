package shard

import "slices"

// clockModel is a model of one device: which record is shown, and under which time.
type clockModel struct {
	mark, ts, arrival int64 // live time, device time and arrival of the shown record
	adjusted          bool  // mark is not ts
	own               int64 // the newest shown device time that was not ahead
	aheadTS, aheadAt  int64 // device time and arrival of the newest record that was dated by its arrival
}

// takes returns the live time of the next record, and whether it is newer than what is shown.
func (d *clockModel) takes(ts, arrival int64) (live int64, newer bool) {
	s := Stamp{ts, arrival}
	switch {
	case ts == d.ts:
		return 0, false
	case s.ahead():
		if ts <= d.aheadTS && arrival <= d.aheadAt+1000 {
			return 0, false
		}
		live = max(arrival, d.mark+1)
	case ts <= d.own:
		return 0, false // older than one that was not ahead
	case d.adjusted && ts < d.ts && d.ts-ts < 600_000 && arrival-d.arrival < 2000:
		return 0, false // older by the same clock
	case ts > d.mark:
		live = ts
	case d.adjusted: // late only by an adjusted time
		live = d.mark + 1
	default:
		return 0, false
	}
	d.show(s, live)
	return live, true
}

// show sets the shown record, and its live time.
func (d *clockModel) show(s Stamp, live int64) {
	d.mark, d.ts, d.arrival, d.adjusted = live, s.TS, s.Arrival, live != s.TS
	if s.ahead() {
		d.aheadTS, d.aheadAt = s.TS, s.Arrival
	} else {
		d.own = s.TS
	}
}

// corrected applies x. The good position is shown if the shown one is faulty, or if the
// good one is newer.
func (d *clockModel) corrected(x Correction) {
	named := func(ts int64) bool {
		return slices.ContainsFunc(x.Faulty, func(s Stamp) bool { return s.TS == ts })
	}
	if named(d.own) {
		d.own = 0
	}
	switch {
	case named(d.ts):
		*d = clockModel{own: d.own, aheadTS: d.aheadTS, aheadAt: d.aheadAt}
		if x.Good != nil {
			good := Stamp{x.Good.TS, x.Good.Arrival}
			d.show(good, good.liveTime())
		}
	case x.Good != nil && x.Good.TS != d.ts:
		if good := (Stamp{x.Good.TS, x.Good.Arrival}); d.before(good) {
			d.show(good, max(good.liveTime(), d.mark+1))
		}
	}
}

// before reports whether s, which the table has, is newer than the shown record.
func (d *clockModel) before(s Stamp) bool {
	shown := Stamp{d.ts, d.arrival}
	switch {
	case !s.ahead() && !shown.ahead(), s.late(), shown.late():
		return s.liveTime() > d.mark
	case s.ahead() && shown.ahead() && distance(s.Arrival, shown.Arrival) <= 1000:
		return s.TS > shown.TS
	case s.Arrival == shown.Arrival:
		return s.TS > shown.TS && (s.ahead() == shown.ahead() || s.TS-shown.TS < 600_000)
	}
	return s.Arrival > shown.Arrival
}
