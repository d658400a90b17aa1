package archive

import (
	"fmt"
	"sync"
	"time"
)

// acceptance records whether the database accepts some rows while it refuses others. If
// it does, the refused row is at fault; otherwise the database is. All streams share it,
// because they share the table. A logical clock orders the inserts and refusals. Any
// goroutine may use it.
type acceptance struct {
	mu           sync.Mutex
	clock        uint64 // the last tick
	lastAccepted uint64 // tick at which the newest insert of a new row began

	since time.Time // first refusal since a new row was accepted; zero for none
	cause string    // of the latest refusal
}

// tick returns a new tick, greater than all before, and never 0.
func (a *acceptance) tick() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clock++
	return a.clock
}

// accepted records that an insert which began at a tick added new rows. ended
// reports whether the database had refused every row before.
func (a *acceptance) accepted(began uint64) (ended bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lastAccepted = max(a.lastAccepted, began)
	ended = !a.since.IsZero()
	a.since, a.cause = time.Time{}, ""
	return ended
}

// acceptedSince reports whether an insert that began after a tick added new rows.
// The start of the insert counts, not its end: the cause of a refusal may have
// appeared while the insert was running.
func (a *acceptance) acceptedSince(at uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lastAccepted > at
}

// refused records a refusal that may concern every row.
func (a *acceptance) refused(now time.Time, cause string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.since.IsZero() {
		a.since = now
	}
	a.cause = cause
}

// clear records that all refused rows have left the held-back entries.
func (a *acceptance) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since, a.cause = time.Time{}, ""
}

// fault returns an error when the database has refused every row for limit or
// longer. A limit of 0 means never.
func (a *acceptance) fault(now time.Time, limit time.Duration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if limit <= 0 || a.since.IsZero() {
		return nil
	}
	lasts := now.Sub(a.since)
	if lasts < limit {
		return nil
	}
	return fmt.Errorf("archive: the database refuses every row, for %v so far; the rows wait in the stream: %s", lasts.Round(time.Second), a.cause)
}
