package archive

import (
	"fmt"
	"sync"
	"time"
)

// health is what decides whether the archive is ready. Any goroutine may use
// it.
type health struct {
	mu     sync.Mutex
	since  time.Time // of the first insert that failed since one succeeded
	lagMS  map[string]int64
	faulty time.Duration // how long inserts may fail, 0 for ever
	maxLag time.Duration // how far behind the table may be, 0 for any
}

// wrote takes note of a commit.
func (h *health) wrote() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.since = time.Time{}
}

// failed takes note of an insert that failed.
func (h *health) failed(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since.IsZero() {
		h.since = now
	}
}

// lags takes note of a stream's lag.
func (h *health) lags(stream string, ms int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lagMS == nil {
		h.lagMS = map[string]int64{}
	}
	h.lagMS[stream] = ms
}

// ready returns why the archive is not ready, nil when it is.
func (h *health) ready(now time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if down := now.Sub(h.since); h.faulty > 0 && !h.since.IsZero() && down >= h.faulty {
		return fmt.Errorf("archive: the database has taken nothing for %v", down.Round(time.Second))
	}
	for stream, ms := range h.lagMS {
		if lag := time.Duration(ms) * time.Millisecond; h.maxLag > 0 && lag > h.maxLag {
			return fmt.Errorf("archive: the table is %v behind stream %s", lag, stream)
		}
	}
	return nil
}
