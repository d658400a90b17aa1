package shard

import (
	"testing"
	"time"
)

// keptBy counts the memberships of p that keep an old value.
func keptBy(p *topicShard) (n int) {
	for m := p.oldest; m != nil; m = m.next {
		if m.old != nil {
			n++
		}
	}
	return n
}

// A seal takes as many steps for 300 pending positions as for 3: the values that
// it replaces are released one slice to a turn, and everybody sees the new ones
// from the seal on.
func TestSealReleasesInSlices(t *testing.T) {
	const slice = 7
	for _, devices := range []int{3, 300} {
		r := newRig(t, Config{Shards: 1})
		w, ids := r.core.workers[0], numbered("d", devices)
		r.roster(map[string][]string{"e": ids, "f": ids[:devices/3]})
		r.sendAll(ids, base)
		c := r.client(false)
		p := c.subscribe("e", 0).shards[0]
		c.subscribe("f", 0)
		r.settle()
		c.read()
		w.core.building.devices = slice
		r.send(ids[0], base+1) // sent at once, so the rest is not
		r.settle()
		r.sendAll(ids, base+2)
		want(t, "values kept for the state of the last seal", keptBy(p), devices)

		r.pass(time.Second)
		kept := keptIn(w)
		for turn := 0; kept > 0; turn++ {
			w.turn(nil)
			now := keptIn(w)
			if kept-now > slice || now > 0 && kept-now != slice {
				t.Fatalf("turn %d after %d positions: %d values released, want %d", turn, devices, kept-now, slice)
			}
			if kept = now; kept > 0 && !w.unfinished() {
				t.Fatalf("turn %d: %d values are never released", turn, kept)
			}
			for n := p.oldest; n != nil; n = n.next {
				if b, _ := n.bodyAt(p.sealed, 0); string(b) != string(n.dev.val.buf) {
					t.Fatalf("turn %d: %s shows %s after the seal, want %s", turn, n.dev.id, b, n.dev.val.buf)
				}
			}
		}
		c.read()
		for _, id := range ids {
			want(t, id, c.screen.seen["event:e"][id], int64(base+2))
		}
		for _, d := range w.devices {
			want(t, "references to the value of "+d.id, d.val.refs, int32(1))
		}
	}
}

// keptIn counts the old values that the memberships of a shard keep.
func keptIn(w *worker) (n int) {
	for _, t := range w.core.topics {
		n += keptBy(t.shards[w.id])
	}
	return n
}

// Devices that change again before their turn comes, are corrected, leave, or are
// watched by nobody: no value is lost, and none is kept for good.
func TestReplacedValuesOfChangedDevices(t *testing.T) {
	for name, change := range map[string]func(x *sliced){
		"report again":          func(x *sliced) { x.report(x.ids[5:20]...) },
		"report without a seal": func(x *sliced) { x.sendAll(x.ids[5:20], base+x.ts+5); x.w.turn(nil) },
		"are corrected":         func(x *sliced) { x.correct(x.ids[10:12]...) },
		"leave":                 func(x *sliced) { x.swap(map[string][]string{"e": x.ids[9:]}) },
		"nobody watches": func(x *sliced) {
			x.fast.unsubscribe("e")
			x.c.unsubscribe("e")
			x.w.turn(nil)
			x.report()
			x.fast.subscribe("e", 0)
			x.watch(0)
		},
		"a snapshot is in slices": func(x *sliced) { x.client(true).subscribe("e", 0); x.w.turn(nil); x.report() },
	} {
		t.Run(name, func(t *testing.T) {
			x := newSliced(t, slicedShapes["plain"], buildBounds{devices: 2, copied: 300, compressed: 100, moved: 100, serves: 1})
			x.watch(0)
			for range 3 {
				x.report()
				change(x)
			}
			x.pass(time.Minute)
			x.end()
			want(t, "values kept", keptIn(x.w), 0)
			inUse := 0
			for _, d := range x.w.devices {
				want(t, "references to the value of "+d.id, d.val.refs, int32(1))
				inUse++
			}
			before := inUse + len(x.w.values.free)
			for range 5 {
				x.report()
				x.end()
			}
			want(t, "values in use and free", inUse+len(x.w.values.free), before)
		})
	}
}

// A snapshot that begins after a seal has what was sealed, also of devices whose
// replaced values are released meanwhile.
func TestReplacedValuesAreNotInTheSnapshotBegunAfter(t *testing.T) {
	x := newSliced(t, slicedShapes["plain"], buildBounds{devices: 4, copied: 300, compressed: 100, moved: 100, serves: 1})
	x.report(x.ids[0])
	x.ts += 10
	x.sendAll(x.ids, base+x.ts)
	x.turn(0)
	x.pass(time.Second)
	x.c.subscribe("e", time.Minute)
	for x.w.turn(nil); len(x.w.builds) > 0; x.w.turn(nil) {
	}
	x.c.read()
	want(t, "positions in the snapshot", len(x.c.screen.all[0].Positions), len(x.ids))
	for _, p := range x.c.screen.all[0].Positions {
		want(t, p.DeviceID, p.TS, base+x.ts)
	}
}

// A snapshot that is built in slices has the state that it began with, also of
// devices whose pending positions are sealed before it comes to them.
func TestReplacedValuesAreInTheSnapshotBegunBefore(t *testing.T) {
	x := newSliced(t, slicedShapes["plain"], buildBounds{devices: 4, copied: 300, compressed: 100, moved: 100, serves: 1})
	x.core.SetWindow(time.Minute)
	x.report(x.ids[0]) // sent at once, so the rest is not
	x.ts += 10
	x.sendAll(x.ids, base+x.ts)
	x.turn(0)
	x.c.subscribe("e", time.Minute)
	x.w.turn(nil)
	want(t, "builds under way", len(x.w.builds), 1)
	x.pass(time.Minute)
	for keptIn(x.w) > 0 {
		if len(x.w.builds) == 0 {
			t.Fatal("the snapshot is whole before all values are released")
		}
		x.w.turn(nil)
	}
	for len(x.w.builds) > 0 {
		x.w.turn(nil)
	}
	x.c.read()
	want(t, "positions in the snapshot", len(x.c.screen.all[0].Positions), len(x.ids))
	for _, p := range x.c.screen.all[0].Positions {
		if p.TS >= base+x.ts {
			t.Errorf("%s is there with a position that was pending when the snapshot began", p.DeviceID)
		}
	}
}
