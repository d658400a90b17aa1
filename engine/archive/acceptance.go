package archive

import (
	"fmt"
	"sync"
	"time"
)

// witness knows whether the database takes any row while it refuses others.
// That is the difference between a row at fault and a database at fault. All
// streams share it, as they share the table. Any goroutine may use it.
type acceptance struct {
	mu           sync.Mutex
	clock        uint64 // counts calls of now
	lastAccepted uint64 // when the newest insert began that brought a new row

	since time.Time // of the first refusal since a new row was taken; zero for none
	cause string    // of the latest refusal
}

// now returns a moment that is later than all returned before, and never 0.
func (w *acceptance) tick() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock++
	return w.clock
}

// took takes note of new rows in the table, by an insert that began at a moment
// of now. ended says that the database refused every row until then.
func (w *acceptance) accepted(began uint64) (ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastAccepted = max(w.lastAccepted, began)
	ended = !w.since.IsZero()
	w.since, w.cause = time.Time{}, ""
	return ended
}

// tookSince says whether an insert brought new rows that began after a moment
// of now. It counts inserts by their beginning: one that ends late may have
// passed before the cause of a refusal was there.
func (w *acceptance) acceptedSince(at uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lastAccepted > at
}

// refused takes note of a refusal that may concern every row.
func (w *acceptance) refused(now time.Time, cause string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since.IsZero() {
		w.since = now
	}
	w.cause = cause
}

// calm takes note that no refused row waits any more.
func (w *acceptance) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.since, w.cause = time.Time{}, ""
}

// fault returns an error when the database has refused every row for as long as
// limit or longer. No limit is none.
func (w *acceptance) fault(now time.Time, limit time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if limit <= 0 || w.since.IsZero() {
		return nil
	}
	lasts := now.Sub(w.since)
	if lasts < limit {
		return nil
	}
	return fmt.Errorf("archive: the database refuses every row, for %v now; they wait in the stream: %s", lasts.Round(time.Second), w.cause)
}
