package runner

import (
	"errors"
	"fmt"
	"strings"

	"pitwall/bench/internal/gauge"
)

// memory is what the engine counts as held for connections, what it really holds, and
// the size of its heap, in MB.
type memory struct{ counted, held, heap float64 }

// collections is the number of garbage collections per reading. Objects in pools
// survive two.
const collections = 5

// memory makes the engine collect garbage and reads what is left. Under attack, the
// heap has new garbage again by the time it is read. So the live heap is derived from
// the heap size at which the next collection starts, which is twice the live heap and
// the stacks. Of several collections the lowest value counts, as it contains the
// least garbage.
func (r *run) memory() (m memory, err error) {
	for i := range collections {
		page, err := gauge.Get(r.ctx, "http://"+r.stack.Engines[0].Ops+"/debug/pprof/heap?gc=1&debug=1") // gc=1 collects garbage (net/http/pprof)
		if err != nil {
			return m, err
		}
		next, errNext := megabytes(page, "# NextGC = ")
		stacks, errStacks := megabytes(page, "# Stack = ")
		heap, errHeap := megabytes(page, "# HeapAlloc = ")
		if err := errors.Join(errNext, errStacks, errHeap); err != nil {
			return m, err
		}
		held := (next + stacks) / 2
		if i == 0 || held < m.held {
			m.held = held
		}
		m.heap = heap
	}
	g, err := r.sampler.scrape(r.ctx)
	m.counted = g.Sum("processor_live_queued_bytes") / 1e6
	return m, err
}

// megabytes reads the number of bytes after a name on the page, in MB.
func megabytes(page []byte, name string) (float64, error) {
	n := 0
	_, rest, _ := strings.Cut(string(page), name)
	if _, err := fmt.Sscan(rest, &n); err != nil {
		return 0, fmt.Errorf("the heap profile has no %q: %w", name, err)
	}
	return float64(n) / 1e6, nil
}

// heap is the size of the engine's heap after garbage collections, in MB.
func (r *run) heap() (mb float64, err error) {
	m, err := r.memory()
	return m.heap, err
}
