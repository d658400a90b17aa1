package archive

import (
	"fmt"
	"sync"
	"time"
)

// acceptance records whether the database accepts any row while it refuses
// others. That is the difference between a row at fault and a database at fault.
// All streams share it, as they share the table. It orders events by ticks of a
// logical clock. Any goroutine may use it.
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

// accepted records that an insert which began at a tick brought new rows. ended
// says that the database refused every row until now.
func (a *acceptance) accepted(began uint64) (ended bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lastAccepted = max(a.lastAccepted, began)
	ended = !a.since.IsZero()
	a.since, a.cause = time.Time{}, ""
	return ended
}

// acceptedSince says whether an insert that began after a tick brought new rows.
// The beginning counts, not the end: an insert that ends late may have passed
// before the cause of a refusal appeared.
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

// clear records that no refused row is held back any more.
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
	return fmt.Errorf("archive: the database refuses every row, for %v now; they wait in the stream: %s", lasts.Round(time.Second), a.cause)
}
