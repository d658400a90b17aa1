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

// contention serves the profiles mutex and block. The runtime records them only while
// a request is under way (?seconds=n), because recording costs time at every lock.
type contention struct {
	name   string
	record func(on bool)

	mu     sync.Mutex // guards active
	active int        // requests under way
}

func newContention(name string) *contention {
	c := &contention{name: name}
	c.record = func(on bool) {
		rate := map[string]int{"mutex": mutexFraction, "block": blockRate}[name]
		if !on {
			rate = 0
		}
		if name == "mutex" {
			runtime.SetMutexProfileFraction(rate)
		} else {
			runtime.SetBlockProfileRate(rate)
		}
	}
	return c
}

// ServeHTTP records for as long as the request takes.
func (c *contention) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.add(1)
	defer c.add(-1)
	pprof.Handler(c.name).ServeHTTP(w, r)
}

func (c *contention) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active += n
	c.record(c.active > 0)
}
