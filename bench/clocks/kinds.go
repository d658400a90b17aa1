package clocks

import "time"

// Moments of the race, as fractions of it.
const (
	fallsAt    = 0.1  // clocks fall back
	correctsAt = 0.5  // clocks that are ahead are set right
	fallsTwice = 0.5  // a clock that has fallen falls again
	recoversAt = 0.85 // clocks that fell back are set right
	holeFrom   = 0.2  // devices without a radio
	holeTo     = 0.42
)

const (
	// standsStill is how long a clock that fell back may leave its dot standing.
	standsStill = 2 * time.Minute
	// tolerance is the engine's default for clocks that are ahead.
	tolerance = 5 * time.Second
	rollover  = 1024 * 7 * 24 * time.Hour
	// longRace is the least duration in which clocks can fall back, be found out,
	// and be right again.
	longRace = 5 * time.Minute
)

// moment is when a record is taken.
type moment struct {
	now time.Time
	p   float64 // how much of the race is over, 0 to 1
	n   int64   // number of the record
}

// kind is a sort of device.
type kind struct {
	name, about string
	// shows is the time that the device writes on a record; nil for none.
	shows func(m moment) time.Time

	batch   int           // records are kept and sent in one MULTI of so many
	burst   int           // so many are taken at once and sent in one MULTI
	delay   time.Duration // of every tenth record; the next ones wait for it
	backlog int           // has no radio for a while; then so many old ones go with each new one
	fifo    bool          // the old ones go first

	steps []float64     // when its clock changes so that the dot may stand
	grace time.Duration // for how long it may
	slack int64         // records that it may be behind after a leg
	long  bool          // takes part in long races only
}

// off is a clock that is wrong by a constant.
func off(d time.Duration) func(moment) time.Time {
	return func(m moment) time.Time { return m.now.Add(d) }
}

// between is a clock that is wrong by d from one moment of the race to another.
func between(from, to float64, d time.Duration) func(moment) time.Time {
	return func(m moment) time.Time {
		if m.p < from || m.p >= to {
			return m.now
		}
		return m.now.Add(d)
	}
}

// battery is a clock that begins again at an epoch, at the moment of the first
// record after the battery died.
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

// alternating is right on every second record.
func alternating(d time.Duration) func(moment) time.Time {
	return func(m moment) time.Time { return m.now.Add(time.Duration(m.n%2) * d) }
}

// drifting goes ahead evenly up to d in the middle of the race, and back.
func drifting(d time.Duration) func(moment) time.Time {
	return func(m moment) time.Time {
		return m.now.Add(time.Duration(2 * min(m.p, 1-m.p) * float64(d)))
	}
}

// twice falls back by 2 h, and later to a 1024-week rollover.
func twice(m moment) time.Time {
	if m.p < fallsTwice {
		return between(fallsAt, fallsTwice, -2*time.Hour)(m)
	}
	return between(fallsTwice, recoversAt, -rollover)(m)
}

// reference is the kind that the others are compared with, and referenceDevices
// how many of it a race has.
const (
	reference        = "reference"
	referenceDevices = 4
)

// kinds are all there are. Each device needs one of its own, as clocks have state.
func kinds() []kind {
	fell := []float64{fallsAt, recoversAt}
	return []kind{
		{name: reference, about: "a right clock, by which delivery is measured", shows: off(0)},
		{name: "right", about: "a right clock", shows: off(0)},
		{name: "ahead", about: "1 h ahead", shows: off(time.Hour)},
		{name: "ahead-batch", about: "1 h ahead, ten records in one MULTI", shows: off(time.Hour), batch: 10},
		{name: "right-batch", about: "a right clock, ten records in one MULTI", shows: off(0), batch: 10},
		{name: "ahead-edge", about: "5.5 s ahead, every tenth record 0.8 s late", shows: off(5500 * time.Millisecond), delay: 800 * time.Millisecond},
		{name: "ahead-corrected", about: "1 h ahead, set right half way", shows: between(0, correctsAt, time.Hour)},
		{name: "ahead-late", about: "right, 1 h ahead from half way on", shows: between(correctsAt, 2, time.Hour)},
		{name: "within-corrected", about: "4 s ahead, within the tolerance, set right half way", shows: between(0, correctsAt, 4*time.Second),
			steps: []float64{correctsAt}, grace: tolerance},
		{name: "drift", about: "drifts to 8 s ahead and back", shows: drifting(8 * time.Second)},
		{name: "zone", about: "the wrong zone, 2 h ahead, on every second record", shows: alternating(2 * time.Hour), slack: 1},
		{name: "zone-back", about: "the wrong zone, 2 h behind, on every second record", shows: alternating(-2 * time.Hour), slack: 1},
		{name: "behind", about: "2 h behind from the start, set right later", shows: between(0, recoversAt, -2*time.Hour)},
		{name: "fell-hours", about: "falls back by 3 h in mid-race, set right later", shows: between(fallsAt, recoversAt, -3*time.Hour),
			steps: fell, grace: standsStill, long: true},
		{name: "fell-rollover", about: "falls back by 1024 weeks, set right later", shows: between(fallsAt, recoversAt, -rollover),
			steps: fell, grace: standsStill, long: true},
		{name: "fell-twice", about: "falls back by 2 h, then by 1024 weeks", shows: twice,
			steps: []float64{fallsAt, fallsTwice, recoversAt}, grace: standsStill, long: true},
		{name: "fell-hole", about: "falls back by 3 h, and has a radio hole after that", shows: between(fallsAt, recoversAt, -3*time.Hour), backlog: 20,
			steps: []float64{fallsAt, holeTo, recoversAt}, grace: standsStill, long: true},
		{name: "dead-1970", about: "a dead battery: begins again at 1970", shows: battery(time.Unix(0, 0))},
		{name: "dead-1980", about: "a dead battery: begins again at 1980", shows: battery(time.Date(1980, 1, 6, 0, 0, 0, 0, time.UTC))},
		{name: "stands-1970", about: "a clock that stands at 1970", shows: func(m moment) time.Time {
			if m.p < fallsAt || m.p >= recoversAt {
				return m.now
			}
			return time.Unix(0, 0)
		}},
		{name: "hole", about: "no radio for a while, then the backlog in large pieces after newer records", shows: off(0), backlog: 20},
		{name: "hole-slow", about: "no radio for a while, then one old record after each new one", shows: off(0), backlog: 1},
		{name: "hole-fifo", about: "no radio for a while, then the backlog first, oldest first", shows: off(0), backlog: 10, fifo: true},
		{name: "untimed", about: "no ts, flat"},
		{name: "untimed-burst", about: "no ts, flat, three in one millisecond", burst: 3},
	}
}

// server is a stream and the clock of its Redis.
type server struct {
	name, about string
	own         bool // ids are Redis's own
	// wrong is how far the server's clock is off when p of the race is over.
	wrong func(p float64) time.Duration
	steps []float64 // when that changes
}

const (
	// StepsAt is when the server's clock steps back by default, as a fraction of the
	// race. By then backlogs were sent and clocks were corrected: for a minute after
	// the step nobody can know the difference of the clocks.
	StepsAt = 0.55
	// stepsFor is for how long it stays back, as a fraction of the race.
	stepsFor = 0.35
)

// allServers are all there are; the one that steps back does so at a fraction of
// the race.
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
