package testenv

import (
	"testing"
	"time"

	"pitwall/engine/e2e/servers"
)

// Eventually calls cond until it returns true, and fails the test if that takes
// longer than within. what completes the sentence "waited 5s for ...". cond runs
// on the calling goroutine, at least once, and may call t.Fatal.
func Eventually(t testing.TB, within time.Duration, what string, cond func() bool) {
	t.Helper()
	if !servers.Poll(within, cond) {
		t.Fatalf("waited %s for %s", within, what)
	}
}
