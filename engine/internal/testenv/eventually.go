package testenv

import (
	"testing"
	"time"
)

// pollEvery is how often Eventually looks. Short enough that waiting costs a
// test nothing that matters, long enough to leave the processor to others.
const pollEvery = 2 * time.Millisecond

// Eventually calls cond until it returns true, and fails the test at once
// when it has not done so within the given time. what completes the sentence
// "waited 5s for ...". cond runs on the calling goroutine, at least once; it
// may call t.Fatal itself.
func Eventually(t testing.TB, within time.Duration, what string, cond func() bool) {
	t.Helper()
	if !poll(within, cond) {
		t.Fatalf("waited %s for %s", within, what)
	}
}

// poll reports whether cond became true within the given time. The last look
// is taken at the deadline, never before it.
func poll(within time.Duration, cond func() bool) bool {
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
