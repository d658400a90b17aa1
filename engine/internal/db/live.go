package db

import (
	"time"

	"pitwall/shard"
)

// LiveRule is what the live time of a row depends on, apart from the row and
// the clock of its device.
type LiveRule struct {
	// Tolerance is how far a device's time may be off its arrival.
	Tolerance time.Duration
	// Difference is the clock of this process minus that of the Redis server.
	// received_at is of the latter.
	Difference time.Duration
}

// judge is a LiveRule at one moment. All times are in ms, since the Unix epoch
// where they are moments.
type judge struct {
	tolerance, difference, now int64
}

func (r LiveRule) at(now time.Time) judge {
	return judge{tolerance: r.Tolerance.Milliseconds(), difference: r.Difference.Milliseconds(), now: now.UnixMilli()}
}

// mark is what says when a row counts.
type mark struct {
	ts       int64
	received *int64 // nil: nobody knows
}

// stamp is m as others see it: what has no arrival arrived at its own time.
func (m mark) stamp() shard.Stamp {
	if m.received == nil {
		return shard.Stamp{TS: m.ts, Arrival: m.ts}
	}
	return shard.Stamp{TS: m.ts, Arrival: *m.received}
}

// dated is a row that may be shown, with what the rule says of it.
type dated struct {
	mark
	live    int64 // the time under which it is shown
	made    bool  // that is its arrival, because its own time is wrong or missing
	current bool  // it was sent when it was taken
	untimed bool  // it has no time of its own
}

// date applies the rule to a row. ok is false for a row that is not shown at all.
// clocks are those of its device, by arrival.
func (j *judge) date(m mark, clocks []shard.Clock) (d dated, ok bool) {
	d.mark = m
	if m.received == nil {
		d.live = m.ts
		return d, m.ts <= j.now+j.tolerance
	}
	arrival := *m.received + j.difference
	near := func(t int64) bool {
		return abs(t-arrival) <= j.tolerance || abs(t-*m.received) <= j.tolerance
	}
	d.live, d.current = m.ts, near(m.ts)
	byArrival := func() (dated, bool) {
		d.live, d.made, d.current = arrival, true, true
		return d, true
	}
	if after := m.ts - *m.received; j.difference != 0 && after >= 0 && after < untimedSlack {
		d.untimed = true // its time is that of its entry, by the server's clock
		return byArrival()
	}
	if o := offsetAt(clocks, *m.received); o != 0 && !d.current {
		switch t := m.ts - o; {
		case near(t), m.ts < arrival-shard.FallenLeast.Milliseconds() && t > arrival:
			return byArrival()
		case t < arrival:
			d.live = t // late data of the wrong clock
			return d, true
		}
	}
	if m.ts <= arrival+j.tolerance || d.current {
		return d, true
	}
	return byArrival()
}

// untimedSlack bounds the sequence numbers, taken as ms, of entries whose records
// have no time.
const untimedSlack = 1000

// newestOf returns the row to show. Rows under their own time are in its order.
// Rows under their arrival are in that of the arrivals; of those that came
// together it is the newest own time. Of the two that are left the one that
// arrived later is newer, unless the other kind was sent late.
func newestOf(list []dated) (best dated, ok bool) {
	var own, made dated
	var hasOwn, hasMade bool
	for _, d := range list {
		switch {
		case !d.made:
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
		if d.made && *d.received >= last-madeUpSlack && d.ts > made.ts {
			made = d
		}
	}
	if hasOwn && own.after(made) {
		return own, true
	}
	return made, true
}

// after reports whether d, under its own time, is newer than made, which is not.
func (d dated) after(made dated) bool {
	if d.current {
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

// fallen calls fn with each offset of clocks, and the newest device time that
// rows can have while it was in force.
func (j *judge) fallen(clocks []shard.Clock, fn func(offset, newest int64)) {
	for i, c := range clocks {
		if c.Offset == 0 {
			continue
		}
		end := j.now
		if i+1 < len(clocks) {
			end = clocks[i+1].Since
		}
		fn(c.Offset, end+max(j.difference, -j.difference)+c.Offset+j.tolerance)
	}
}

func abs(v int64) int64 { return max(v, -v) }
