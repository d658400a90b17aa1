package shard

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pitwall/codec"
)

// Orphans lists the devices in no event with their last time and place, the newest
// first, from all shards, and no more than asked for.
func TestOrphans(t *testing.T) {
	core, ctx := running(t, Config{Shards: 3, Writers: 1}, Pair{"racer", "race"})
	arrival := time.Now().UnixMilli()
	send := func(id string, at int64, lat float64) {
		t.Helper()
		b := core.AcquireBatch()
		b.Positions = append(b.Positions, codec.Position{DeviceID: id, TS: arrival + at - 5, Arrival: arrival + at, Lat: lat, Lon: 8})
		if err := core.Deliver(ctx, core.ShardOf(id), b); err != nil {
			t.Fatal(err)
		}
	}
	send("racer", 0, 1)
	for i := range int64(20) {
		send(fmt.Sprint("lost-", i), i, float64(i))
	}
	send("lost-0", 50, 60)
	if err := core.RestoreClocks(ctx, []Clock{{Device: "silent", Since: arrival, Offset: -hour}}); err != nil {
		t.Fatal(err)
	}
	delivered := core.Delivered(nil)
	if !eventually(func() bool { return core.TakenIn(delivered) }) {
		t.Fatal("the shards do not take in what they were given")
	}
	all, err := core.Orphans(ctx, 100)
	if err != nil || len(all) != 21 {
		t.Fatalf("%d orphans, %v: %+v", len(all), err, all)
	}
	if last := all[20]; last.Device != "silent" || last.Arrival != 0 || !math.IsNaN(last.Lat) {
		t.Errorf("a device without a position: %+v", last)
	}
	some, err := core.Orphans(ctx, 3)
	if err != nil || len(some) != 3 {
		t.Fatalf("%d orphans, %v", len(some), err)
	}
	for i, want := range []Orphan{
		{"lost-0", arrival + 45, arrival + 50, 60, 8}, {"lost-19", arrival + 14, arrival + 19, 19, 8}, {"lost-18", arrival + 13, arrival + 18, 18, 8},
	} {
		if some[i] != want || all[i] != want {
			t.Errorf("orphan %d is %+v, and of all %+v, want %+v", i, some[i], all[i], want)
		}
	}
}

// A shard that lists its orphans allocates nothing, however many there are, and looks at
// no more than asked for.
func TestListingOrphansAllocatesNothing(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	for i := range 200 {
		r.send(fmt.Sprint("lost-", i), base+int64(i))
		if i%8 == 0 {
			r.settle()
		}
	}
	r.settle()
	w := r.core.workers[0]
	o := &op{kind: opOrphans, orphans: [][]Orphan{make([]Orphan, 0, 20)}}
	if n := testing.AllocsPerRun(50, func() { o.orphans[0] = o.orphans[0][:0]; w.listOrphans(o) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if len(o.orphans[0]) != 20 || o.orphans[0][0].Device != "lost-199" {
		t.Errorf("%d orphans: %+v", len(o.orphans[0]), o.orphans[0][:1])
	}
}
