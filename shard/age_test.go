package shard

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/codec"
)

// TestAgesAreTheWaitForTheSeal: the age of a seal is how long its oldest position has
// waited, in the inbox and for the flush. A topic without subscribers has no ages.
func TestAgesAreTheWaitForTheSeal(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": {"a", "b"}, "unwatched": {"c"}})
	r.subscriber("e", false, 0)
	wantAges := func(what string, sum time.Duration, counts map[time.Duration]uint64) {
		t.Helper()
		w := Ages{Sum: sum}
		for i, b := range AgeBounds() {
			w.Counts[i] = counts[b]
		}
		w.Counts[len(ageBounds)] = counts[0]
		want(t, what, r.core.Stats().Ages, w)
	}
	r.send("c", base)
	r.settle()
	wantAges("nobody watches", 0, nil)

	r.send("a", base)
	r.pass(7 * time.Millisecond) // in the inbox
	r.settle()
	wantAges("a quiet topic is sealed at once", 7*time.Millisecond, map[time.Duration]uint64{10 * time.Millisecond: 1})

	r.pass(20 * time.Millisecond)
	r.send("a", base+1)
	r.settle()
	r.pass(30 * time.Millisecond)
	r.send("b", base) // younger: not counted
	r.settle()
	r.pass(50 * time.Millisecond)
	r.settle()
	wantAges("a busy one at its flush", 87*time.Millisecond, map[time.Duration]uint64{10 * time.Millisecond: 1, 100 * time.Millisecond: 1})

	r.pass(time.Second)
	r.send("a", base+2)
	r.pass(time.Minute)
	r.settle()
	wantAges("beyond the bounds", time.Minute+87*time.Millisecond,
		map[time.Duration]uint64{10 * time.Millisecond: 1, 100 * time.Millisecond: 1, 0: 1})
}

// Positions that a new map or a correction makes pending do not have the age of the
// shard's last batch.
func TestOnlyBatchesHaveAges(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": {"a"}, "f": {"b"}})
	r.subscriber("e", false, 0)
	r.send("b", r.wall)
	r.settle()
	before := r.core.Stats().Ages
	r.pass(10 * time.Minute)
	r.settle()
	r.roster(map[string][]string{"e": {"a", "b"}, "f": {"b"}}) // b comes with its last value
	r.pass(time.Second)
	r.settle()
	after := r.core.Stats().Ages
	want(t, "age added by a new map", after.Sum-before.Sum, time.Duration(0))

	r.send("a", r.wall)
	r.settle()
	r.pass(40 * time.Millisecond)
	r.send("b", r.wall+1)
	r.settle()
	r.pass(100 * time.Millisecond)
	r.settle()
	if d := r.core.Stats().Ages.Sum - after.Sum; d <= 0 || d > 200*time.Millisecond {
		t.Errorf("two batches add an age of %v, want at most 200 ms", d)
	}
}

// A topic's oldest pending arrival is that of a delivery: what a new map brings, or is
// read again, has none and takes none away.
func TestPendingKeepsTheOldestArrival(t *testing.T) {
	for _, tt := range []struct {
		arrivals []int64
		want     int64
	}{
		{[]int64{5, 0}, 5},
		{[]int64{0, 5}, 5},
		{[]int64{7, 5, 0, 9}, 5},
		{[]int64{0}, 0},
	} {
		p := &topicShard{}
		for _, a := range tt.arrivals {
			p.notePending(a, 0)
		}
		want(t, fmt.Sprintf("the arrival after %v", tt.arrivals), p.arrival, tt.want)
	}
}

// A warm position is pending without an arrival, and what it leaves out is not counted.
func TestWarmPositionsAreNotMeasured(t *testing.T) {
	r := newRig(t, Config{Shards: 1, MaxAttributes: 10})
	r.roster(map[string][]string{"e": {"a"}})
	w := r.core.workers[0]
	p := codec.Position{DeviceID: "a", TS: base, Lat: 1, Lon: 2, Attributes: `{"long":"` + codec.Attributes(strings.Repeat("x", 100)) + `"}`, Arrival: base}
	warm := w.takeIn(&p, true, 0)
	want(t, "the arrival of a warm position", warm.arrival, int64(0))
	want(t, "warm positions counted as bare", w.count[countAttributesTooLong], uint64(0))
	p.TS++
	p.Arrival++
	live := w.takeIn(&p, false, 1)
	want(t, "the arrival of a live position", live.arrival, p.Arrival)
	want(t, "live positions counted as bare", w.count[countAttributesTooLong], uint64(1))
}
