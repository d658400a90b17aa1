package db

import (
	"time"

	"pitwall/shard"
)

// LiveRule determines the live time of a row, together with the row and the clock of
// its device.
type LiveRule struct {
	// Tolerance is how far the time of a device may differ from its arrival.
	Tolerance time.Duration
	// Difference is the clock of this process minus that of the Redis server, which
	// sets received_at.
	Difference time.Duration
}

// ruleAt is a LiveRule at one moment. All values are in ms, moments since the Unix
// epoch.
type ruleAt struct {
	tolerance, difference, now int64
}

func (r LiveRule) at(now time.Time) ruleAt {
	return ruleAt{tolerance: r.Tolerance.Milliseconds(), difference: r.Difference.Milliseconds(), now: now.UnixMilli()}
}

// rowTime holds the times of a row.
type rowTime struct {
	ts       int64
	received *int64 // nil: not known
}

// stamp converts m. A row without an arrival arrived at its own time.
func (m rowTime) stamp() shard.Stamp {
	if m.received == nil {
		return shard.Stamp{TS: m.ts, Arrival: m.ts}
	}
	return shard.Stamp{TS: m.ts, Arrival: *m.received}
}

// datedRow is a row that may be shown, with the result of the rule.
type datedRow struct {
	rowTime
	live      int64 // the time under which it is shown
	byArrival bool  // live is its arrival, because its own time is wrong or missing
	sentLive  bool  // it was sent as soon as it was measured
	untimed   bool  // it has no time of its own
}

// dateRow applies the rule to a row. ok is false for a row that is never shown. clocks
// are those of its device, by arrival.
func (r *ruleAt) dateRow(m rowTime, clocks []shard.Clock) (d datedRow, ok bool) {
	d.rowTime = m
	if m.received == nil {
		d.live = m.ts
		return d, m.ts <= r.now+r.tolerance
	}
	arrival := *m.received + r.difference
	near := func(t int64) bool {
		return abs(t-arrival) <= r.tolerance || abs(t-*m.received) <= r.tolerance
	}
	d.live, d.sentLive = m.ts, near(m.ts)
	byArrival := func() (datedRow, bool) {
		d.live, d.byArrival, d.sentLive = arrival, true, true
		return d, true
	}
	if after := m.ts - *m.received; r.difference != 0 && after >= 0 && after < untimedSlack {
		d.untimed = true // its time is that of its entry, by the server's clock
		return byArrival()
	}
	if o := offsetAt(clocks, *m.received); o != 0 && !d.sentLive {
		switch t := m.ts - o; {
		case near(t), m.ts < arrival-shard.FallenLeast.Milliseconds() && t > arrival:
			return byArrival()
		case t < arrival:
			d.live = t // late data of the wrong clock
			return d, true
		}
	}
	if m.ts <= arrival+r.tolerance || d.sentLive {
		return d, true
	}
	return byArrival()
}

// untimedSlack is how far, in ms, the time of a row may be after its arrival to count as
// missing. A record without a time gets the time of its entry plus the sequence number of
// the entry as ms (codec.EntryTime).
const untimedSlack = 1000

// newestOf returns the row to show. It first finds the newest row of each of two kinds:
//
//   - Among the rows that are shown under their own time, the newest time wins.
//   - Among the rows that are shown under their arrival, the latest arrival wins. If
//     several arrived together (arrivalSlack), the newest own time wins.
//
// Of these two rows the later arrival wins. But if the row under its own time was sent
// late, the newer live time wins.
func newestOf(list []datedRow) (best datedRow, ok bool) {
	var own, made datedRow
	var hasOwn, hasMade bool
	for _, d := range list {
		switch {
		case !d.byArrival:
			if !hasOwn || d.live > own.live || d.live == own.live && d.ts > own.ts {
				own, hasOwn = d, true
			}
		case !hasMade || *d.received > *made.received || *d.received == *made.received && d.ts > made.ts:
			made, hasMade = d, true
		}
	}
	if !hasMade {
		return own, hasOwn
	}
	last := *made.received
	for _, d := range list {
		if d.byArrival && *d.received >= last-arrivalSlack && d.ts > made.ts {
			made = d
		}
	}
	if hasOwn && own.newerThanArrival(made) {
		return own, true
	}
	return made, true
}

// newerThanArrival reports whether d, under its own time, is newer than made, which is
// under its arrival.
func (d datedRow) newerThanArrival(made datedRow) bool {
	if d.sentLive {
		return *d.received > *made.received
	}
	return d.live > made.live
}

// offsetAt returns the offset in force when a record arrived, 0 for none.
func offsetAt(clocks []shard.Clock, arrival int64) (offset int64) {
	for _, c := range clocks {
		if c.Since > arrival {
			break
		}
		offset = c.Offset
	}
	return offset
}

// eachOffset calls fn with each offset of clocks, and the newest device time of rows in
// its period.
func (r *ruleAt) eachOffset(clocks []shard.Clock, fn func(offset, newest int64)) {
	for i, c := range clocks {
		if c.Offset == 0 {
			continue
		}
		end := r.now
		if i+1 < len(clocks) {
			end = clocks[i+1].Since
		}
		fn(c.Offset, end+max(r.difference, -r.difference)+c.Offset+r.tolerance)
	}
}

func abs(v int64) int64 { return max(v, -v) }
