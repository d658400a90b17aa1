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

// live returns the time under which a row is shown, and whether that is its
// arrival because its own time is wrong. ok is false for a row that is not
// shown at all. clocks are those of its device, by arrival.
func (j *judge) live(m mark, clocks []shard.Clock) (at int64, made, ok bool) {
	if m.received == nil {
		return m.ts, false, m.ts <= j.now+j.tolerance
	}
	arrival := *m.received + j.difference
	near := func(t int64) bool {
		return abs(t-arrival) <= j.tolerance || abs(t-*m.received) <= j.tolerance
	}
	if o := offsetAt(clocks, *m.received); o != 0 && !near(m.ts) {
		switch t := m.ts - o; {
		case near(t):
			return arrival, true, true
		case t < arrival:
			return t, false, true // late data of the wrong clock
		}
	}
	if m.ts <= arrival+j.tolerance || near(m.ts) {
		return m.ts, false, true
	}
	return arrival, true, true
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
