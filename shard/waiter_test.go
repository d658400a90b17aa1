package shard

import (
	"testing"
	"time"

	"pitwall/codec"
)

// reportAtOnce has all devices report in one turn, which the next one seals.
func (x *sliced) reportAtOnce() {
	x.ts += 10
	b := x.core.AcquireBatch()
	for _, id := range x.ids {
		b.Positions = append(b.Positions, codec.Position{DeviceID: id, TS: base + x.ts, Arrival: base + x.ts, Lat: 1, Lon: 2})
	}
	x.w.turn(b)
	x.pass(200 * time.Millisecond)
	x.w.turn(nil)
}

// Who has seen what is newer than a build that is under way does not get that one,
// though it reaches back far enough.
func TestNobodyJoinsABuildThatIsOlderThanTheScreen(t *testing.T) {
	x := newSliced(t, slicedShapes["plain"], buildBounds{devices: 1, copied: 1 << 20, packed: 1 << 20, moved: 1 << 20, serves: 1})
	x.watch(0)
	x.c.conn.Lag()
	x.report()
	x.lose()
	x.w.turn(nil)
	first := x.w.oldestBuild(x.p)
	if first == nil {
		t.Fatal("no build has begun")
	}
	x.reportAtOnce()
	x.fast.read()
	x.fast.conn.Lag()
	for range 4 {
		x.reportAtOnce()
	}
	x.fast.read()
	x.w.turn(nil)
	if x.w.oldestBuild(x.p) != first || first.wants != [2]int{1, 0} {
		t.Fatalf("the first build is at its end, or has another waiting: %v", first.wants)
	}
	want(t, "builds", len(x.w.builds), 2)
	x.end()
	want(t, "in the end", x.fast.screen.seen, x.c.screen.seen)
}
