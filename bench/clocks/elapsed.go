package clocks

import "time"

// begin notes that the race begins.
func (r *race) begin(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start = now
}

// pause notes that nothing is published from now on.
func (r *race) pause(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resting = now
}

// resume notes that publishing goes on.
func (r *race) resume(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waited += now.Sub(r.resting)
	r.resting = time.Time{}
}

// elapsed is for how long the race has been under way at a moment, without the
// waits between legs.
func (r *race) elapsed(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.resting.IsZero() && now.After(r.resting) {
		now = r.resting
	}
	return now.Sub(r.start) - r.waited
}

// progress is how much of the race is over at a moment, 0 to 1.
func (r *race) progress(now time.Time) float64 {
	return float64(r.elapsed(now)) / float64(r.opt.Duration)
}

// excused reports whether a device's dot may stand at a moment.
func (r *race) excused(d *device, at time.Time) bool {
	return d.excused(r.elapsed(at), r.opt.Duration, r.restartTimes())
}
