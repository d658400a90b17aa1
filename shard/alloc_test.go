//go:build !race

package shard

import "testing"

// The race detector allocates, so these run without it.

func TestFanOutAllocatesNothing(t *testing.T) {
	for _, batch := range []bool{false, true} {
		r, clients, positions := stand(t, 200, 50, batch)
		for range 10 {
			lap(r, clients, positions)
		}
		if n := testing.AllocsPerRun(100, func() { lap(r, clients, positions) }); n != 0 {
			t.Errorf("batch %v: %v allocations for 200 positions to 50 connections, want 0", batch, n)
		}
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	r, _, positions := stand(t, 100, 0, false)
	s := r.core.Snapshot()
	if n := testing.AllocsPerRun(100, func() {
		for i := range positions {
			if len(s.Topics(positions[i].DeviceID)) != 1 {
				t.Fatal("a device without its topic")
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
