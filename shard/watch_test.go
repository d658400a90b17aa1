package shard

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// Sessions watch and unwatch an event while maps with and without the event are swapped. A
// watched topic is the one of the current map, or of the next map with the event. Otherwise
// the session would never get anything again.
func TestWatchedTopicsSurviveSwaps(t *testing.T) {
	core, ctx := running(t, Config{Shards: 1}, Pair{"a", "e"})
	var pairs []Pair
	for i := range 300 { // so that it takes some time to build the map
		pairs = append(pairs, Pair{fmt.Sprintf("d%d", i), "big"})
	}
	var over atomic.Bool
	var sessions sync.WaitGroup
	var orphaned atomic.Int64
	for range 2 {
		sessions.Go(func() {
			for !over.Load() {
				topic, ok := core.Watch("e")
				if !ok {
					continue
				}
				core.mu.Lock()
				if core.topics["e"] != topic {
					orphaned.Add(1)
				}
				core.mu.Unlock()
				core.Unwatch(topic)
			}
		})
	}
	const swaps = 2000
	for i := range swaps {
		ro := Roster{Pairs: pairs}
		if i%2 == 0 {
			ro.Events = []string{"e"}
		}
		if err := core.Swap(ctx, ro); err != nil {
			t.Error(err)
			break
		}
		core.mu.Lock()
		if in := core.snapshot.Load().topics["e"]; in != nil && in != core.topics["e"] {
			orphaned.Add(1)
		}
		core.mu.Unlock()
	}
	over.Store(true)
	sessions.Wait()
	if n := orphaned.Load(); n > 0 {
		t.Errorf("in %d swaps, %d times a watched topic, or one of the current map, was not in the table any more", swaps, n)
	}
}
