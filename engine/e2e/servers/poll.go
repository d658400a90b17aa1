package servers

import "time"

// pollEvery is how often Poll looks: often enough to lose no time that matters, and
// seldom enough to leave the processor to others.
const pollEvery = 2 * time.Millisecond

// Poll reports whether cond became true within the given time. cond runs on the
// calling goroutine, at least once, and for the last time after the deadline.
func Poll(within time.Duration, cond func() bool) bool {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if cond() {
			return true
		}
		select {
		case <-deadline.C:
			return cond()
		case <-tick.C:
		}
	}
}
