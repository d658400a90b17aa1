package shard

import (
	"slices"
	"testing"
	"time"
)

// TestConflatedCountsEachConnection lets some connections miss different
// numbers of updates: each is told how many, and with those it was shown they
// make all that were published.
func TestConflatedCountsEachConnection(t *testing.T) {
	const published = 60
	r := newRig(t, Config{Shards: 2, RingSlots: 4})
	r.roster(map[string][]string{"e": {"a", "b", "c"}})
	var clients []*client
	for range 6 {
		c := r.client(len(clients)%2 == 0)
		c.subscribe("e", 0)
		clients = append(clients, c)
	}
	r.settle()
	for i := range int64(published) {
		r.send([]string{"a", "b", "c"}[i%3], base+i)
		r.pass(100 * time.Millisecond)
		r.settle()
		for n, c := range clients {
			if n == 0 || int(i)%(5*n) < 3 { // a few in a row, then a pause
				c.read()
			}
		}
		r.settle()
	}
	for range 3 {
		for _, c := range clients {
			c.read()
		}
		r.pass(100 * time.Millisecond)
		r.settle()
	}
	var told []uint64
	for i, c := range clients {
		shown, conflated := 0, uint64(0)
		for _, f := range c.screen.all {
			switch f.Type {
			case "position":
				shown++
			case "positions":
				shown += len(f.Positions)
			case "snapshot":
				conflated += f.Conflated
			}
		}
		if shown+int(conflated) != published {
			t.Errorf("connection %d: %d shown and %d told as left out, want %d together\nlog: %v", i, shown, conflated, published, c.screen.log)
		}
		told = append(told, conflated)
	}
	if told[0] != 0 || slices.Max(told) == 0 || told[1] == told[5] {
		t.Errorf("left out, by connection: %v; want none for the first, and not the same for all", told)
	}
}
