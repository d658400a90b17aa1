package clocks

import "time"

// Times of the race, as fractions of it.
const (
	fallsAt    = 0.1  // clocks fall back
	correctsAt = 0.5  // clocks that are ahead are set right
	fallsTwice = 0.5  // a clock that fell back falls back again
	recoversAt = 0.85 // clocks that fell back are set right
	holeFrom   = 0.2  // devices have no radio from here
	holeTo     = 0.42 // until here
)

const (
	// standsStill is how long the dot of a clock that fell back may stand still.
	standsStill = 2 * time.Minute
	// tolerance is the engine's default for clocks that are ahead.
	tolerance = 5 * time.Second
	rollover  = 1024 * 7 * 24 * time.Hour
	// longRace is the minimum duration in which clocks can fall back, be detected, and
	// be right again.
	longRace = 5 * time.Minute
)

// moment is when a record is taken.
type moment struct {
	now time.Time
	p   float64 // fraction of the race that is over, 0 to 1
	n   int64   // number of the record
}

// kind is a kind of device.
type kind struct {
	name, about string
	// shows is the time that the device writes into a record; nil for none.
	shows func(m moment) time.Time

	batch   int           // so many records are collected and sent in one MULTI
	burst   int           // so many records are taken at once and sent in one MULTI
	delay   time.Duration // of every tenth record; the records after it wait for it
	backlog int           // has no radio for a while; after that, so many old records are sent with each new one
	fifo    bool          // old records are sent first

	steps []float64     // when its clock changes so that the dot may stand still
	grace time.Duration // how long it may
	slack int64         // how many records it may be behind after a leg
	long  bool          // takes part in long races only
}

// off is a clock with a constant error.
func off(d time.Duration) func(moment) time.Time {
	return func(m moment) time.Time { return m.now.Add(d) }
}

// between is a clock that is wrong by d from one time of the race to another.
func between(from, to float64, d time.Duration) func(moment) time.Time {
	return func(m moment) time.Time {
		if m.p < from || m.p >= to {
			return m.now
		}
		return m.now.Add(d)
	}
}

// battery is a clock that starts again at an epoch, with the first record after the
// battery died.
func battery(epoch time.Time) func(moment) time.Time {
	var died time.Time
	return func(m moment) time.Time {
		if m.p < fallsAt || m.p >= recoversAt {
			return m.now
		}
		if died.IsZero() {
			died = m.now
		}
		return epoch.Add(m.now.Sub(died))
	}
}

// alternating is wrong by d on every second record.
func alternating(d time.Duration) func(moment) time.Time {
	return func(m moment) time.Time { return m.now.Add(time.Duration(m.n%2) * d) }
}

// drifting drifts evenly to d in the middle of the race, and back.
func drifting(d time.Duration) func(moment) time.Time {
	return func(m moment) time.Time {
		return m.now.Add(time.Duration(2 * min(m.p, 1-m.p) * float64(d)))
	}
}

// twice falls back by 2 h, and later by 1024 weeks.
func twice(m moment) time.Time {
	if m.p < fallsTwice {
		return between(fallsAt, fallsTwice, -2*time.Hour)(m)
	}
	return between(fallsTwice, recoversAt, -rollover)(m)
}

// reference is the kind that the others are compared with. A race has
// referenceDevices of it.
const (
	reference        = "reference"
	referenceDevices = 4
)

// kinds are all kinds. Each device needs its own, as clocks have state.
func kinds() []kind {
	fell := []float64{fallsAt, recoversAt}
	return []kind{
		{name: reference, about: "a right clock, to measure delivery", shows: off(0)},
		{name: "right", about: "a right clock", shows: off(0)},
		{name: "ahead", about: "1 h ahead", shows: off(time.Hour)},
		{name: "ahead-batch", about: "1 h ahead, ten records in one MULTI", shows: off(time.Hour), batch: 10},
		{name: "right-batch", about: "a right clock, ten records in one MULTI", shows: off(0), batch: 10},
		{name: "ahead-edge", about: "5.5 s ahead, every tenth record 0.8 s late", shows: off(5500 * time.Millisecond), delay: 800 * time.Millisecond},
		{name: "ahead-corrected", about: "1 h ahead, set right half-way", shows: between(0, correctsAt, time.Hour)},
		{name: "ahead-late", about: "right, 1 h ahead from half-way on", shows: between(correctsAt, 2, time.Hour)},
		{name: "within-corrected", about: "4 s ahead, within the tolerance, set right half-way", shows: between(0, correctsAt, 4*time.Second),
			steps: []float64{correctsAt}, grace: tolerance},
		{name: "drift", about: "drifts to 8 s ahead and back", shows: drifting(8 * time.Second)},
		{name: "zone", about: "2 h ahead (wrong time zone) on every second record", shows: alternating(2 * time.Hour), slack: 1},
		{name: "zone-back", about: "2 h behind (wrong time zone) on every second record", shows: alternating(-2 * time.Hour), slack: 1},
		{name: "behind", about: "2 h behind from the start, set right later", shows: between(0, recoversAt, -2*time.Hour)},
		{name: "fell-hours", about: "falls back by 3 h, set right later", shows: between(fallsAt, recoversAt, -3*time.Hour),
			steps: fell, grace: standsStill, long: true},
		{name: "fell-rollover", about: "falls back by 1024 weeks, set right later", shows: between(fallsAt, recoversAt, -rollover),
			steps: fell, grace: standsStill, long: true},
		{name: "fell-twice", about: "falls back by 2 h, then by 1024 weeks", shows: twice,
			steps: []float64{fallsAt, fallsTwice, recoversAt}, grace: standsStill, long: true},
		{name: "fell-hole", about: "falls back by 3 h, then has no radio for a while", shows: between(fallsAt, recoversAt, -3*time.Hour), backlog: 20,
			steps: []float64{fallsAt, holeTo, recoversAt}, grace: standsStill, long: true},
		{name: "dead-1970", about: "a dead battery: starts again at 1970", shows: battery(time.Unix(0, 0))},
		{name: "dead-1980", about: "a dead battery: starts again at 1980", shows: battery(time.Date(1980, 1, 6, 0, 0, 0, 0, time.UTC))},
		{name: "stands-1970", about: "a clock that stands still at 1970", shows: func(m moment) time.Time {
			if m.p < fallsAt || m.p >= recoversAt {
				return m.now
			}
			return time.Unix(0, 0)
		}},
		{name: "hole", about: "no radio for a while, then many old records after each new one", shows: off(0), backlog: 20},
		{name: "hole-slow", about: "no radio for a while, then one old record after each new one", shows: off(0), backlog: 1},
		{name: "hole-fifo", about: "no radio for a while, then old records before new ones", shows: off(0), backlog: 10, fifo: true},
		{name: "untimed", about: "no ts, flat"},
		{name: "untimed-burst", about: "no ts, flat, three in one millisecond", burst: 3},
	}
}

// server is a stream and the clock of its Redis.
type server struct {
	name, about string
	own         bool // ids are made by Redis
	// wrong is the error of the server's clock when the fraction p of the race is over.
	// It is nil if ids are made by Redis.
	wrong func(p float64) time.Duration
	steps []float64 // when the error changes
}

// stepsFor is how long the server's clock stays back, as a fraction of the race.
const stepsFor = 0.35

// allServers are all servers. stepsAt is Options.StepsAt. Its default is after backlogs
// have been sent and clocks have been corrected: for a minute after the step, the
// difference of the clocks cannot be known.
func allServers(stepsAt float64) []server {
	always := func(d time.Duration) func(float64) time.Duration {
		return func(float64) time.Duration { return d }
	}
	return []server{
		{name: "true", about: "the server's clock is right", own: true},
		{name: "steps", about: "the server's clock steps back by 20 s, and forward again", steps: []float64{stepsAt, stepsAt + stepsFor},
			wrong: func(p float64) time.Duration {
				if p < stepsAt || p >= stepsAt+stepsFor {
					return 0
				}
				return -20 * time.Second
			}},
		{name: "lags", about: "the server's clock lags by 60 s", wrong: always(-time.Minute)},
		{name: "leads", about: "the server's clock is 60 s ahead", wrong: always(time.Minute)},
	}
}
