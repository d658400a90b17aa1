package shard

import (
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"testing"
	"time"
)

// sliced is a rig whose shard has to build something large for a client: an event of many
// devices, all of which have sent newer positions.
type sliced struct {
	*rig
	w    *worker
	p    *topicShard
	ids  []string
	c    *client
	fast *client // reads all the time
	more []*client
	ts   int64 // of the last positions, after base
}

// slicedClients makes a client of each encoding.
var slicedClients = map[string]func(*rig) *client{
	"plain":    func(r *rig) *client { return r.client(false) },
	"batch":    func(r *rig) *client { return r.client(true) },
	"deflated": func(r *rig) *client { return r.deflating() },
}

// slicedTasks prepare c so that the shard's next turns build something for it.
var slicedTasks = map[string]func(x *sliced){
	"lagged": func(x *sliced) {
		x.watch(0)
		x.c.conn.markLagged()
		x.report()
		x.lose()
	},
	"lagged and corrected": func(x *sliced) {
		x.watch(0)
		x.c.conn.markLagged()
		x.report()
		x.correct(x.ids[2:9]...)
		x.report(x.ids[5:7]...)
		x.lose()
	},
	"joins and leaves": func(x *sliced) {
		x.watch(0)
		x.c.conn.markLagged()
		x.roster(map[string][]string{"e": x.ids[:4]})
		x.roster(map[string][]string{"e": x.ids})
		x.roster(map[string][]string{"e": slices.Concat(x.ids[:6], x.ids[9:])})
		x.report()
		x.lose()
	},
	"renewal": func(x *sliced) {
		x.watch(0)
		x.c.conn.markLagged()
		x.report()
		x.p.roster.completeSince = math.MaxUint64 >> 1
		x.lose()
		for !slices.ContainsFunc(x.w.builds, func(b *build) bool { return b.kind == bodySnapshot }) && x.c.conn.recovering.Load() {
			x.w.turn(nil)
		}
		x.p.roster.completeSince = 0
	},
	"tick": func(x *sliced) {
		x.watch(time.Second)
		x.report()
		x.correct(x.ids[3:5]...)
		x.report(x.ids[4])
		x.settle()
		x.pass(time.Second)
	},
	"flush": func(x *sliced) {
		x.watch(0)
		x.send(x.ids[0], base+20) // sent at once, so the rest is not
		x.settle()
		x.c.read()
		for _, id := range x.ids {
			x.send(id, base+30)
			x.turn(0)
		}
		x.ts = 30
		x.pass(time.Second)
	},
	toLive: func(x *sliced) { // becomes a recovery if it is too much
		x.watch(time.Minute)
		x.report()
		x.c.subscribe("e", 0)
	},
}

const toLive = "change to the live flow"

func newSliced(t *testing.T, client func(*rig) *client, bounds buildBounds) *sliced {
	x := &sliced{rig: newRig(t, Config{Shards: 1, Deflate: oneDeflater}), ids: trackers(30), ts: 10}
	x.w = x.core.workers[0]
	x.w.core.building = bounds
	x.roster(map[string][]string{"e": x.ids})
	x.sendAll(x.ids, base+x.ts)
	x.c, x.fast = client(x.rig), x.client(false)
	x.fast.subscribe("e", 0)
	x.settle()
	x.fast.read()
	return x
}

// lose makes c drop what is queued, and recover.
func (x *sliced) lose() {
	x.settle()
	x.fast.read()
	x.c.recover()
}

// watch makes c subscribe and read its snapshot.
func (x *sliced) watch(interval time.Duration) {
	x.p = x.c.subscribe("e", interval).shards[0]
	x.settle()
	x.c.read()
}

// report sends positions of the devices given, or of all, and seals them.
func (x *sliced) report(ids ...string) {
	if len(ids) == 0 {
		ids = x.ids
	}
	x.ts += 10
	x.sendAll(ids, base+x.ts)
	x.pass(200 * time.Millisecond)
	x.turn(0)
	x.fast.read()
}

// correct corrects devices that were in the last report to a time before it.
func (x *sliced) correct(ids ...string) {
	var list []Correction
	for _, id := range ids {
		list = append(list, correction(id, x.ts-5, x.ts))
	}
	x.correctLater(list...)
	x.turn(0)
}

// end settles and makes all clients read.
func (x *sliced) end() {
	for range 4 {
		x.settle()
		x.c.read()
		x.fast.read()
		for _, c := range x.more {
			c.read()
		}
	}
}

// received returns all that c has received. What may come in any order within one flush or
// snapshot is sorted.
func (x *sliced) received() (list []string) {
	var points []string
	flush := func() {
		slices.Sort(points)
		list = append(list, points...)
		points = nil
	}
	for _, f := range x.c.screen.all {
		if f.Type != "position" {
			flush()
			slices.Sort(f.Added)
			slices.Sort(f.Removed)
			list = append(list, fmt.Sprintf("%s %s %d/%d conflated %d +%v -%v", f.Type, f.Reason, f.Part, f.Parts, f.Conflated, f.Added, f.Removed))
		}
		for _, p := range append(f.Positions, f.point) {
			if p.DeviceID != "" {
				points = append(points, fmt.Sprintf("%s@%d", p.DeviceID, p.TS-base))
			}
		}
		if f.Type != "position" {
			flush()
		}
	}
	flush()
	return list
}

// The result of several slices is the same as that of one turn.
func TestSlicesBuildTheSameAsOneTurn(t *testing.T) {
	for name, task := range slicedTasks {
		if name == toLive {
			continue
		}
		for shape, client := range slicedClients {
			t.Run(name+", "+shape, func(t *testing.T) {
				play := func(bounds buildBounds) (received []string, later bool) {
					x := newSliced(t, client, bounds)
					task(x)
					x.turn(0)
					for n := 0; x.w.unfinished() && n < 3; n++ {
						x.w.turn(nil)
					}
					later = x.w.unfinished()
					x.end()
					return x.received(), later
				}
				whole, later := play(defaultBounds)
				if later {
					t.Error("one turn is not enough with the default bounds")
				}
				for _, bounds := range []buildBounds{
					{devices: 1, copied: 1, compressed: 16, moved: 16, serves: 1},
					{devices: 3, copied: 300, compressed: 100, moved: 50, serves: 1},
					{devices: 7, copied: 1000, compressed: 200, moved: 1000, serves: 2},
				} {
					got, later := play(bounds)
					if !later && (name != "flush" || shape == "deflated") {
						t.Errorf("%+v: built in one turn: this test shows nothing", bounds)
					}
					if !slices.Equal(got, whole) {
						t.Errorf("%+v: in slices\n%v\nin one turn\n%v", bounds, got, whole)
					}
				}
			})
		}
	}
}

// slicedChanges happen between the slices.
var slicedChanges = map[string]func(x *sliced){
	"positions": func(x *sliced) {
		x.ts += 10
		x.sendAll(x.ids[3:20], base+x.ts)
	},
	"positions and a seal": func(x *sliced) { x.report() },
	"a correction":         func(x *sliced) { x.correct(x.ids[3], x.ids[28]) },
	"a leave":              func(x *sliced) { x.swap(map[string][]string{"e": x.ids[1:29]}) },
	"a leave and a join": func(x *sliced) {
		x.swap(map[string][]string{"e": x.ids[1:29]})
		for !x.swapped() {
			x.w.turn(nil)
		}
		x.swap(map[string][]string{"e": x.ids[:29]})
	},
	"an unsubscribe": func(x *sliced) {
		if !x.c.busy {
			x.c.unsubscribe("e")
		}
	},
	"an interval": func(x *sliced) {
		if !x.c.busy {
			x.c.subscribe("e", time.Second)
		}
	},
	"the live flow": func(x *sliced) {
		if !x.c.busy {
			x.c.subscribe("e", 0)
		}
	},
	"a lag": func(x *sliced) {
		x.c.conn.markLagged()
		x.report()
		x.c.read()
	},
	"a close": func(x *sliced) {
		x.c.conn.Close()
		if !x.c.busy {
			x.core.Leave(x.c.conn, func() { x.c.busy = false })
			x.c.busy = true
		}
	},
	"another client": func(x *sliced) {
		another := x.client(true)
		another.subscribe("e", 0)
		x.turn(0)
		another.conn.markLagged()
		x.report()
		another.read()
		x.more = append(x.more, another)
	},
}

// Whatever happens between the slices, the client's screen is the same as the others' in the
// end, and all memory is released. The screen checks that nothing older comes after
// something newer. Each encoding has a third of the cases, but all of them in make soak.
func TestChangesBetweenSlicesReachTheScreen(t *testing.T) {
	all := os.Getenv("PITWALL_SOAK") != ""
	encodings := slices.Sorted(maps.Keys(slicedClients))
	for i, name := range slices.Sorted(maps.Keys(slicedTasks)) {
		for j, between := range slices.Sorted(maps.Keys(slicedChanges)) {
			task, change := slicedTasks[name], slicedChanges[between]
			t.Run(name+", "+between, func(t *testing.T) {
				for k, encoding := range encodings {
					client := slicedClients[encoding]
					for n, turns := range []int{0, 1, 2, 3, 5, 8, 13, 21} {
						if !all && (i+j+n)%len(encodings) != k {
							continue
						}
						bounds := buildBounds{devices: 1 + turns%4, copied: 100 << (turns % 4), compressed: 64 << (turns % 3), moved: 64, serves: 1}
						slicedWithChange(t, task, change, client, bounds, turns)
					}
				}
			})
		}
	}
}

func slicedWithChange(t *testing.T, task, change func(*sliced), client func(*rig) *client, bounds buildBounds, turns int) {
	x := newSliced(t, client, bounds)
	task(x)
	for range turns {
		x.w.turn(nil)
	}
	change(x)
	for range 2 {
		x.end()
		x.pass(2 * time.Minute)
	}
	x.end()
	if x.c.busy {
		t.Fatalf("after %d turns: the command was not carried out", turns)
	}
	if x.c.held["e"] == x.p.topic && !x.c.conn.Closed() {
		if got, want := x.c.screen.seen["event:e"], x.fast.screen.seen["event:e"]; !maps.Equal(got, want) {
			t.Fatalf("after %d turns: the screen has %v, others have %v\nlog %v", turns, got, want, x.c.screen.log)
		}
	}
	if n, _ := x.c.conn.Queued(); n > 0 && !x.c.conn.Closed() || x.c.conn.recovering.Load() {
		t.Fatalf("after %d turns: %d chunks are still queued", turns, n)
	}
	takeEach(x.c.conn, func(*Chunk) {})
	x.fast.unsubscribe("e")
	for _, c := range append(x.more, x.c) {
		x.core.Leave(c.conn, func() {})
	}
	x.end()
	want(t, "bytes that are not released", x.core.inUseBytes(), int64(0))
	want(t, "builds", len(x.w.builds), 0)
	for _, d := range x.w.devices {
		if d.val != nil && d.val.refs != 1 {
			t.Fatalf("the value of %s has %d references at rest", d.id, d.val.refs)
		}
	}
}
