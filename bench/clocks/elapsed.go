package clocks

import "time"

// state is what changes during a race.
type state struct {
	addr     string          // of the engine
	restarts []time.Duration // of the engine, since the start; only grows
	between  bool            // a restart is in progress: a new connection may be to the old or to the new process
	start    time.Time
	waited   time.Duration // waits for screens between legs, which do not count
	resting  time.Time     // when publishing stopped; zero while it goes on
}

// current returns a copy of the state.
func (r *race) current() state {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// change changes the state.
func (r *race) change(f func(s *state)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.state)
}

// elapsed is how long the race had lasted at that time, without the waits between
// legs.
func (r *race) elapsed(at time.Time) time.Duration {
	s := r.current()
	if !s.resting.IsZero() && at.After(s.resting) {
		at = s.resting
	}
	return at.Sub(s.start) - s.waited
}

// progress is the fraction of the race that was over at that time, 0 to 1.
func (r *race) progress(at time.Time) float64 {
	return float64(r.elapsed(at)) / float64(r.opt.Duration)
}

// excused reports whether the dot of a device could stand still at that time.
func (r *race) excused(d *device, at time.Time) bool {
	return d.excused(r.elapsed(at), r.opt.Duration, r.current().restarts)
}
