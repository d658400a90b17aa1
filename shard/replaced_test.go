package shard

import (
	"testing"
	"time"
)

// oldValuesOf counts the memberships of p that have an old value.
func oldValuesOf(p *topicShard) (n int) {
	for m := p.oldest; m != nil; m = m.next {
		if m.old != nil {
			n++
		}
	}
	return n
}

// A seal takes as many steps for 300 pending positions as for 3. The values that it
// replaces are released later, one slice in each turn. The new ones are used from the seal
// on.
func TestReplacedValuesAreReleasedInSlices(t *testing.T) {
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
		want(t, "old values for the state of the last seal", oldValuesOf(p), devices)

		r.pass(time.Second)
		left := oldValues(w)
		for turn := 0; left > 0; turn++ {
			w.turn(nil)
			now := oldValues(w)
			if left-now > slice || now > 0 && left-now != slice {
				t.Fatalf("turn %d after %d positions: %d values released, want %d", turn, devices, left-now, slice)
			}
			if left = now; left > 0 && !w.unfinished() {
				t.Fatalf("turn %d: %d values are never released", turn, left)
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

// oldValues counts the old values in the memberships of a shard.
func oldValues(w *worker) (n int) {
	for _, t := range w.core.topics {
		n += oldValuesOf(t.shards[w.id])
	}
	return n
}

// Devices report again before their values are released, are corrected, leave, or have no
// subscribers any more. No value is released twice, and all are released in the end.
func TestReplacedValuesOfChangedDevicesAreReleased(t *testing.T) {
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
			x := newSliced(t, slicedClients["plain"], buildBounds{devices: 2, copied: 300, compressed: 100, moved: 100, serves: 1})
			x.watch(0)
			for range 3 {
				x.report()
				change(x)
			}
			x.pass(time.Minute)
			x.end()
			want(t, "old values", oldValues(x.w), 0)
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

// A snapshot that begins after a seal has the new values, also of devices whose old values
// are not released yet.
func TestSnapshotAfterASealHasNewValues(t *testing.T) {
	x := newSliced(t, slicedClients["plain"], buildBounds{devices: 4, copied: 300, compressed: 100, moved: 100, serves: 1})
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

// A snapshot that began before a seal has the old values, also of devices that it reaches
// after the seal.
func TestSnapshotBeforeASealHasOldValues(t *testing.T) {
	x := newSliced(t, slicedClients["plain"], buildBounds{devices: 4, copied: 300, compressed: 100, moved: 100, serves: 1})
	x.core.SetWindow(time.Minute)
	x.report(x.ids[0]) // sent at once, so the rest is not
	x.ts += 10
	x.sendAll(x.ids, base+x.ts)
	x.turn(0)
	x.c.subscribe("e", time.Minute)
	x.w.turn(nil)
	want(t, "builds under way", len(x.w.builds), 1)
	x.pass(time.Minute)
	for oldValues(x.w) > 0 {
		if len(x.w.builds) == 0 {
			t.Fatal("the snapshot is built before all values are released: this test shows nothing")
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
			t.Errorf("%s is in the snapshot with a position that was pending when the build began", p.DeviceID)
		}
	}
}
