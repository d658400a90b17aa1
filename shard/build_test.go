package shard

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pitwall/codec"
)

// smallBuilds returns bounds with which a snapshot of a few devices takes many turns, or
// sometimes the default ones.
func smallBuilds(rng *rand.Rand) buildBounds {
	if rng.IntN(3) == 0 {
		return defaultBounds
	}
	return buildBounds{devices: 1 + rng.IntN(3), copied: 1 << rng.IntN(9), compressed: 1 << (4 + rng.IntN(6)), moved: 1 << (4 + rng.IntN(6)), serves: 1 + rng.IntN(2)}
}

// buildMonitor checks the progress of a topic shard's build in each turn.
type buildMonitor struct {
	t        *testing.T
	w        *worker
	p        *topicShard
	maxValue int // bytes of the largest value

	id                                 uint64 // of the build
	visited, copied, compressed, moved int    // up to the last turn
	turns                              int
}

// oldestBuild returns the build of p that began first.
func (w *worker) oldestBuild(p *topicShard) (oldest *build) {
	for _, b := range w.builds {
		if b.shard == p && b.id > 0 && (oldest == nil || b.id < oldest.id) {
			oldest = b
		}
	}
	return oldest
}

// afterTurn checks that the turn did not do more than a slice.
func (s *buildMonitor) afterTurn() {
	s.t.Helper()
	b := s.w.oldestBuild(s.p)
	if b == nil {
		return
	}
	first := b.id != s.id
	s.id = b.id
	s.turns++
	visited := 0
	for n := s.p.last; n != nil; n = n.prev {
		if n.built == b.id {
			visited++
		}
	}
	moved := 0
	for _, x := range []*store{&b.body.store, &b.fixed.store, &b.compressed} {
		if x.larger != nil {
			moved += len(x.larger.body)
		}
	}
	bounds := s.w.core.building
	for _, x := range []struct {
		what          string
		before, after int
		bound         int
	}{
		{"devices", s.visited, visited - len(b.pinned), bounds.devices},
		{"bytes copied", s.copied, b.size(), bounds.copied + s.maxValue + 10},
		{"bytes compressed", s.compressed, b.compressedTo, bounds.compressed},
		{"bytes moved", s.moved, moved, bounds.moved},
	} {
		if !first && x.after-x.before > x.bound {
			s.t.Fatalf("turn %d: %d %s, want at most %d", s.turns, x.after-x.before, x.what, x.bound)
		}
	}
	s.visited, s.copied, s.compressed, s.moved = visited-len(b.pinned), b.size(), b.compressedTo, moved
}

// snapshotOf returns the positions of the one snapshot of event e that c got. It fails if
// a device is in it twice.
func (c *client) snapshotOf(t *testing.T, reason string) map[string]int64 {
	t.Helper()
	var got map[string]int64
	for _, f := range c.screen.all {
		if f.Type != "snapshot" || f.Topic != "event:e" {
			continue
		}
		if got != nil && f.Reason == codec.SnapshotLagged {
			continue // what came meanwhile, if it was much
		}
		if got != nil || f.Reason != reason {
			t.Fatalf("a second snapshot, or one with the reason %q", f.Reason)
		}
		got = map[string]int64{}
		for _, p := range f.Positions {
			if _, twice := got[p.DeviceID]; twice {
				t.Fatalf("%s is in the snapshot twice", p.DeviceID)
			}
			got[p.DeviceID] = p.TS
		}
	}
	return got
}

// A snapshot that is too much work for one turn is built in slices, while positions come
// and are sealed. It shows the state of the last seal before the build began, with each
// device once. Only those who subscribed wait for it. What has changed since comes right
// after it.
func TestLargeSnapshotIsBuiltInSlices(t *testing.T) {
	for _, of := range []struct {
		name          string
		devices, size int
	}{{"many devices", 6000, 20}, {"heavy devices", 150, 16000}} {
		t.Run(of.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			r := newRig(t, Config{Shards: 1, Deflate: newDeflater})
			w := r.core.workers[0]
			ids := numbered("d", of.devices)
			r.roster(map[string][]string{"e": ids, "q": {"quiet"}})
			var text strings.Builder
			for text.Len() < of.size {
				fmt.Fprintf(&text, "%d,", rng.Uint32())
			}
			send := func(id string) {
				b := r.core.AcquireBatch()
				b.Positions = append(b.Positions, codec.Position{DeviceID: id, TS: r.wall, Arrival: r.wall, Lat: 1, Lon: 2,
					Attributes: codec.Attributes(`{"io":"` + text.String() + `"}`)})
				w.turn(b)
			}
			for _, id := range ids {
				send(id)
			}
			r.settle()
			live, plain, quiet := r.client(true), r.client(false), r.client(false)
			live.subscribe("e", 0)
			plain.subscribe("e", 0)
			quiet.subscribe("q", 0)
			r.settle()
			live.read()
			plain.read()
			quiet.read()
			topic := live.held["e"]
			r.pass(time.Second)
			for _, id := range ids[:len(ids)/2] { // some of it is pending when the build begins
				send(id)
			}
			live.read()
			sealed := maps.Clone(live.screen.seen["event:e"])

			clients := []*client{r.client(false), r.client(true), r.deflating(), r.deflating(), r.client(true)}
			for i, c := range clients {
				c.subscribe("e", []time.Duration{0, 0, 0, time.Second, time.Second}[i])
			}
			monitor := buildMonitor{t: t, w: w, p: topic.shards[0], maxValue: of.size + 200}
			w.turn(nil)
			if monitor.p.build == nil || monitor.p.build.base != monitor.p.sealed {
				t.Fatal("no build has begun")
			}
			for n := 0; ; n++ {
				monitor.afterTurn()
				busy := false
				for _, c := range clients {
					busy = busy || c.busy
				}
				if !busy {
					break
				}
				if n > 5000 {
					t.Fatal("the build does not end")
				}
				r.pass([]time.Duration{100 * time.Millisecond, time.Millisecond}[n%2]) // sealed each second time
				for k := range 3 {
					id := ids[rng.IntN(len(ids))]
					if b := monitor.p.build; k == 0 && b != nil && b.nextToCopy != nil {
						id = b.nextToCopy.dev.id
					}
					b := r.core.AcquireBatch()
					b.Positions = append(b.Positions, codec.Position{DeviceID: id, TS: r.wall, Arrival: r.wall, Lat: 1, Lon: 2})
					b.Positions = append(b.Positions, codec.Position{DeviceID: "quiet", TS: r.wall, Arrival: r.wall, Lat: 1, Lon: 2})
					w.turn(b)
					monitor.afterTurn()
				}
				quiet.read()
				if at := quiet.screen.seen["event:q"]["quiet"]; at != r.wall && n%2 == 0 {
					t.Fatalf("turn %d: the quiet event's position of %d is not sent at once, that of %d is shown", n, r.wall, at)
				}
				live.read()
				plain.read()
			}
			if monitor.turns < 20 {
				t.Errorf("built in %d turns: this test shows nothing", monitor.turns)
			}
			for i, c := range clients {
				c.read()
				if got := c.snapshotOf(t, codec.SnapshotSubscribe); !maps.Equal(got, sealed) {
					t.Errorf("client %d: the snapshot of %d devices is not the state when it began, of %d", i, len(got), len(sealed))
				}
			}
			for range 2 { // a tick that is still being built when the next is due replaces it
				r.pass(2 * time.Second)
				r.settle()
			}
			live.read()
			for i, c := range clients {
				c.read()
				if !maps.Equal(c.screen.seen["event:e"], live.screen.seen["event:e"]) {
					t.Errorf("client %d: the screen differs from the others' in the end", i)
				}
			}
			if clients[2].deflated == 0 {
				t.Error("nothing was compressed")
			}
			for _, c := range append(clients, live, plain) {
				c.unsubscribe("e")
			}
			r.settle()
			for _, c := range append(clients, live, plain) {
				c.read()
			}
			r.pass(time.Second)
			send(ids[0])
			r.settle()
			quiet.read()
			want(t, "bytes that are not released", r.core.inUseBytes(), int64(0))
			for _, d := range w.devices {
				if d.val.refs != 1 {
					t.Fatalf("the value of %s has %d references at rest", d.id, d.val.refs)
				}
			}
		})
	}
}

// If a device is corrected or leaves while a snapshot is built, its old position is not
// in the snapshot.
func TestLargeSnapshotOmitsCorrectedPositions(t *testing.T) {
	for _, f := range []struct {
		name   string
		change func(r *rig, ids []string)
		want   int64 // time of d0 after base, 0 if it is not there
	}{
		{"corrected", func(r *rig, ids []string) {
			r.correctLater(correction(ids[0], 5, 10))
		}, 5},
		{"corrected, with nothing before", func(r *rig, ids []string) {
			r.correctLater(correction(ids[0], 0, 10))
		}, 0},
		{"has left", func(r *rig, ids []string) { r.swap(map[string][]string{"e": ids[1:]}) }, 0},
	} {
		t.Run(f.name, func(t *testing.T) {
			r, w, ids := slicedSnapshot(t)
			c := r.client(false)
			c.subscribe("e", 0)
			for range 11 { // d0 is copied last, or just has been
				w.turn(nil)
			}
			if !c.busy {
				t.Fatal("the snapshot is already built")
			}
			f.change(r, ids)
			r.settle()
			c.read()
			if c.busy {
				t.Fatal("the snapshot is not built")
			}
			got := c.snapshotOf(t, codec.SnapshotSubscribe)
			if at, ok := got[ids[0]]; f.want == 0 && ok || f.want != 0 && at != base+f.want {
				t.Errorf("the snapshot has it at %d, want %d", at-base, f.want)
			}
			want(t, "other devices", len(got)-map[bool]int{true: 1}[f.want != 0], len(ids)-1)
			r.pass(time.Second)
			r.settle()
			c.read()
			want(t, "devices in the end", len(c.screen.seen["event:e"]), len(got))
		})
	}
}

// slicedSnapshot returns a shard with an event of 40 devices, whose snapshot takes at
// least ten turns.
func slicedSnapshot(t *testing.T) (r *rig, w *worker, ids []string) {
	r = newRig(t, Config{Shards: 1})
	w = r.core.workers[0]
	w.core.building.devices = 4
	ids = numbered("d", 40)
	r.roster(map[string][]string{"e": ids})
	r.sendAll(ids, base+10)
	r.settle()
	return r, w, ids
}

// A device that left before the build began, while a position was pending, is not in the
// snapshot.
func TestLargeSnapshotOmitsDevicesThatLeft(t *testing.T) {
	r, w, ids := slicedSnapshot(t)
	live, c, ticks := r.client(false), r.client(false), r.client(false)
	live.subscribe("e", 0)
	r.settle()
	live.read()
	r.send(ids[1], base+11) // sent at once
	r.settle()
	r.send(ids[0], int64(base+11)) // pending
	r.settle()
	r.swap(map[string][]string{"e": ids[1:]})
	for !r.swapped() {
		w.turn(nil)
	}
	c.subscribe("e", 0)
	ticks.subscribe("e", time.Second)
	r.settle()
	r.pass(2 * time.Second)
	r.settle()
	live.read()
	for _, c := range []*client{c, ticks} {
		c.read()
		want(t, "shown after it had left", c.screen.ever["event:e"][fmt.Sprintf("%s@%d", ids[0], base+11)], false)
		want(t, "in the end", c.screen.seen, live.screen.seen)
	}
}
