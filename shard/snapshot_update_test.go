package shard

import (
	"fmt"
	"testing"
	"time"
)

// updatingRig returns a rig with one shard that applies maps one device at a time. In its
// map, devices a0 to a9 take part in event a, and event b is empty.
func updatingRig(t *testing.T, cfg Config) (r *rig, names []string) {
	cfg.Shards = 1
	r = newRig(t, cfg)
	r.core.slice = 1
	names = numbered("a", 10)
	r.roster(map[string][]string{"a": names, "b": nil})
	return r, names
}

func TestSwapDoesNotBlockOtherEvents(t *testing.T) {
	r, names := updatingRig(t, Config{})
	r.send("q", base)
	r.roster(map[string][]string{"a": names, "b": nil, "quiet": {"q"}})
	quiet := r.subscriber("quiet", false, 0)
	r.swap(map[string][]string{"a": nil, "b": names, "quiet": {"q"}})
	r.send("q", base+1)
	late := r.client(false)
	late.subscribe("a", 0)
	r.turn(0)
	quiet.read()
	want(t, "quiet event beside the swap", quiet.screen.seen["event:quiet"], map[string]int64{"q": base + 1})
	if late.busy {
		t.Error("a subscribe waits for the swap to end")
	}
	if r.swapped() {
		t.Fatal("the swap is over: this test shows nothing")
	}
	r.settle()
	if !r.swapped() {
		t.Error("the shard has not reported that it has applied the map")
	}
}

// A device that moves to another event stays in the old one until the piece of the map that
// removes it. It is in the new one from the piece that adds it, and shown there with its
// newest position, also if that came in between.
func TestDeviceThatMovesIsShownWithItsNewestPosition(t *testing.T) {
	r, names := updatingRig(t, Config{MaxOrphans: 1}) // a device that counted as an orphan in between would be forgotten
	for _, d := range names {
		r.send(d, base)
	}
	r.settle()
	a, b := r.client(false), r.client(true)
	a.subscribe("a", 0)
	b.subscribe("b", 0)
	r.settle()
	r.swap(map[string][]string{"a": nil, "b": names})
	ts := int64(base)
	for !r.swapped() {
		ts++
		for _, d := range names {
			r.send(d, ts)
		}
		r.pass(r.core.Window())
		r.turn(0)
	}
	r.pass(r.core.Window())
	r.settle()
	a.read()
	b.read()
	all := map[string]int64{}
	for _, d := range names {
		all[d] = ts
	}
	want(t, "the old event's screen", len(a.screen.seen["event:a"]), 0)
	want(t, "the new event's screen", b.screen.seen["event:b"], all)
	for _, c := range []*client{a, b} {
		if len(c.screen.shownAfterLeave) > 0 {
			t.Errorf("shown of devices that had left: %v", c.screen.shownAfterLeave)
		}
	}
	if s := r.core.Stats(); s.Orphans > 0 {
		t.Errorf("%d records of devices that only moved count as orphans", s.Orphans)
	}
}

// The first record of a device comes while a map that adds the device is being applied. A
// roster frame announces the device before it is shown.
func TestDeviceIsAnnouncedBeforeItsFirstPosition(t *testing.T) {
	for turns := range 12 {
		r, names := updatingRig(t, Config{})
		c := r.subscriber("b", false, 0)
		r.swap(map[string][]string{"a": nil, "b": names})
		for range turns {
			r.turn(0)
		}
		r.send("a7", base)
		r.settle()
		r.pass(r.core.Window())
		r.settle()
		c.read()
		announced := false
		for _, f := range c.screen.all {
			for _, d := range f.Added {
				announced = announced || d == "a7"
			}
			if f.DeviceID == "a7" && !announced {
				t.Fatalf("after %d turns: shown before it was announced; log %v", turns, c.screen.log)
			}
		}
		want(t, fmt.Sprintf("screen, after %d turns", turns), c.screen.seen["event:b"], map[string]int64{"a7": base})
		r.send("a7", base+1)
		r.pass(r.core.Window())
		r.settle()
		want(t, "memberships of the device", len(r.core.workers[0].devices["a7"].memberships), 1)
	}
}

// A device leaves while a position of it is pending. The subscribers with an interval get
// the roster frame at once, and one of them then changes to the live flow. It must not get
// the pending position, whether the last seal is still being pushed or not. It must get all
// positions of the devices that stay.
func TestChangeToLiveOmitsDevicesThatLeft(t *testing.T) {
	for _, pushing := range []bool{false, true} {
		r, names := updatingRig(t, Config{})
		var all []*client
		for i := range 13 { // the live ones are some slices
			c := r.client(i%2 == 0)
			c.subscribe("a", Intervals[0]*time.Duration(i/12))
			all = append(all, c)
		}
		r.settle()
		r.send("a0", base)
		if r.turn(0); !pushing {
			r.settle()
		}
		r.send("a0", base+1)
		r.send("a1", base+1)
		r.swap(map[string][]string{"a": names[1:], "b": nil})
		if r.turn(0); !r.swapped() {
			t.Fatal("the map is not applied in one turn")
		}
		if p := all[12].held["a"].shards[0]; p.broadcasts > 0 != pushing || p.seq == p.sealed {
			t.Fatalf("%d broadcasts under way, %d of %d sealed", p.broadcasts, p.sealed, p.seq)
		}
		changed := all[12]
		changed.subscribe("a", 0)
		r.settle()
		r.send("a2", base+2)
		r.pass(r.core.Window())
		r.settle()
		for i, c := range all {
			c.read()
			want(t, fmt.Sprintf("screen %d", i), c.screen.seen["event:a"], map[string]int64{"a1": base + 1, "a2": base + 2})
			want(t, fmt.Sprintf("positions on screen %d of devices that had left", i), len(c.screen.shownAfterLeave["event:a"]), 0)
		}
	}
}

// A tick waits until a roster frame has been pushed to the whole interval class, and so
// does the next piece of the map for the topic. Neither pushes the rest of the frame within
// its own turn.
func TestSwapAndLargeTicksTakeTurns(t *testing.T) {
	r, names := updatingRig(t, Config{})
	for _, d := range names {
		r.send(d, base)
	}
	r.settle()
	var clients []*client
	for range 20 {
		clients = append(clients, r.client(false))
		clients[len(clients)-1].subscribe("b", Intervals[0])
	}
	r.settle()
	k := r.core.workers[0]
	r.swap(map[string][]string{"a": names, "b": names})
	r.pass(Intervals[0])
	pushed := uint64(0)
	for !r.swapped() {
		for _, c := range clients {
			n, _ := c.conn.Queued()
			pushed -= uint64(n)
		}
		k.turn(nil)
		for _, c := range clients {
			n, _ := c.conn.Queued()
			pushed += uint64(n)
		}
		if pushed > 2 { // one of the unfinished broadcast, one of the frame that begins
			t.Fatalf("%d pushes in one turn", pushed)
		}
		pushed = 0
	}
	for range 3 {
		r.pass(Intervals[0])
		r.settle()
	}
	for i, c := range clients {
		c.read()
		want(t, fmt.Sprintf("screen %d", i), len(c.screen.seen["event:b"]), len(names))
	}
}
