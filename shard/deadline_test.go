package shard

import (
	"math/rand/v2"
	"testing"
)

// TestTimerHeapMatchesAList sets, moves and stops random deadlines, and compares with a
// list: first is one of the earliest, and every deadline knows its position.
func TestTimerHeapMatchesAList(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var h timerHeap
		all := make([]*deadline, 50)
		for i := range all {
			all[i] = &deadline{pos: -1}
		}
		for i := range 2000 {
			d := all[rng.IntN(len(all))]
			if rng.IntN(3) == 0 {
				h.stop(d)
			} else {
				h.set(d, int64(rng.IntN(100)))
			}
			set, earliest := 0, int64(never)
			for _, d := range all {
				if d.pos < 0 {
					continue
				}
				set++
				earliest = min(earliest, d.at)
				if h.list[d.pos] != d {
					t.Fatalf("seed %d, step %d: a deadline is not at its position %d", seed, i, d.pos)
				}
			}
			if len(h.list) != set {
				t.Fatalf("seed %d, step %d: %d deadlines in the heap, %d are set", seed, i, len(h.list), set)
			}
			if first := h.first(); (first == nil) != (set == 0) || first != nil && first.at != earliest {
				t.Fatalf("seed %d, step %d: first is %+v, the earliest is at %d", seed, i, first, earliest)
			}
		}
	}
}
