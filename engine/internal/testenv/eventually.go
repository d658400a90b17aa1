package testenv

import (
	"testing"
	"time"

	"pitwall/engine/e2e/servers"
)

// Eventually calls cond until it returns true, and fails the test at once
// when it has not done so within the given time. what completes the sentence
// "waited 5s for ...". cond runs on the calling goroutine, at least once; it
// may call t.Fatal itself.
func Eventually(t testing.TB, within time.Duration, what string, cond func() bool) {
	t.Helper()
	if !servers.Poll(within, cond) {
		t.Fatalf("waited %s for %s", within, what)
	}
}
