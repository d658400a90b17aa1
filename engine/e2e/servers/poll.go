package servers

import "time"

// Poll waits between two calls of the condition: pollEvery at first, so that tests do
// not wait long. The pause grows with the cost of the condition, so that most of the
// processor is left to the servers, and with the time that has passed, up to pollSeldom.
const (
	pollEvery  = 2 * time.Millisecond
	pollSeldom = 100 * time.Millisecond
)

// Poll reports whether cond became true within the given time. cond runs on the
// calling goroutine, at least once, and for the last time after the deadline.
func Poll(within time.Duration, cond func() bool) bool {
	began := time.Now()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		called := time.Now()
		if cond() {
			return true
		}
		pause := time.NewTimer(pollPause(time.Since(began), time.Since(called)))
		select {
		case <-deadline.C:
			pause.Stop()
			return cond()
		case <-pause.C:
		}
	}
}

// pollPause is the pause after a call of the condition that took so long, when so much
// time has passed since the first one.
func pollPause(passed, took time.Duration) time.Duration {
	return min(max(pollEvery, passed/32, 4*took), pollSeldom)
}
