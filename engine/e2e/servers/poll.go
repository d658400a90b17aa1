package servers

import "time"

// pollEvery is the interval at which Poll calls the condition. It is short, so that tests
// do not wait long, but leaves most of the processor to the servers.
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
