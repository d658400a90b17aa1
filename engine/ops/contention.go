package ops

import (
	"net/http"
	"net/http/pprof"
	"runtime"
	"sync"
)

// Sampling rates while a profile is recorded.
const (
	mutexFraction = 1      // every contended unlock
	blockRate     = 10_000 // ns of waiting per sample
)

// contention serves the profile mutex or block. The runtime records it only during a
// request (?seconds=n), because recording costs time at every lock.
type contention struct {
	name    string
	rate    int // while recording
	setRate func(int)

	mu     sync.Mutex // guards active
	active int        // requests in progress
}

// newMutexProfile and newBlockProfile return the two profiles.
func newMutexProfile() *contention {
	return &contention{name: "mutex", rate: mutexFraction, setRate: func(rate int) { runtime.SetMutexProfileFraction(rate) }}
}

func newBlockProfile() *contention {
	return &contention{name: "block", rate: blockRate, setRate: runtime.SetBlockProfileRate}
}

// ServeHTTP records while the request lasts.
func (c *contention) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.add(1)
	defer c.add(-1)
	pprof.Handler(c.name).ServeHTTP(w, r)
}

func (c *contention) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active += n
	c.setRate(c.rate * min(c.active, 1))
}
