package ops

import (
	"net/http"
	"net/http/pprof"
	"runtime"
	"sync"
)

// How closely mutexes and waiting are looked at while somebody profiles them.
const (
	mutexFraction = 1      // every contended unlock
	blockRate     = 10_000 // ns of waiting per sample
)

// contention serves the profiles mutex and block, which the runtime keeps only
// where it is told to: while somebody asks for ?seconds=n, and not at all
// otherwise, since it costs something at every lock.
type contention struct {
	name   string
	record func(on bool)

	mu    sync.Mutex // guards asked
	asked int        // requests under way
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
	c.asked += n
	c.record(c.asked > 0)
}
