package clocks

import "time"

// begin notes the start of the race.
func (r *race) begin(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start = now
}

// pause notes that publishing has stopped.
func (r *race) pause(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resting = now
}

// resume notes that publishing continues.
func (r *race) resume(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waited += now.Sub(r.resting)
	r.resting = time.Time{}
}

// elapsed is how long the race had lasted at that time, without the waits between
// legs.
func (r *race) elapsed(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.resting.IsZero() && now.After(r.resting) {
		now = r.resting
	}
	return now.Sub(r.start) - r.waited
}

// progress is the fraction of the race that was over at that time, 0 to 1.
func (r *race) progress(now time.Time) float64 {
	return float64(r.elapsed(now)) / float64(r.opt.Duration)
}

// excused reports whether the dot of a device could stand still at that time.
func (r *race) excused(d *device, at time.Time) bool {
	return d.excused(r.elapsed(at), r.opt.Duration, r.restartTimes())
}
