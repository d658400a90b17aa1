package shard

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"
)

// sliced is a spectator for whom a shard has to build something large: one of
// many devices, all of which have reported since.
type sliced struct {
	*rig
	w    *worker
	p    *topicShard
	ids  []string
	c    *client
	fast *client // reads all the time
	more []*client
	ts   int64 // of the last report, after base
}

// slicedShapes are the ways to have positions.
var slicedShapes = map[string]func(*rig) *client{
	"plain":    func(r *rig) *client { return r.client(false) },
	"batch":    func(r *rig) *client { return r.client(true) },
	"deflated": func(r *rig) *client { return r.deflating() },
}

// slicedTasks bring c to where the shard's next turns build what it is to get.
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
	toLive: func(x *sliced) { // which is a recovery where it is too much
		x.watch(time.Minute)
		x.report()
		x.c.subscribe("e", 0)
	},
}

var slicedFlater = newFlater() // one for all, as it takes a megabyte

const toLive = "change to the live flow"

func newSliced(t *testing.T, client func(*rig) *client, most buildBounds) *sliced {
	x := &sliced{rig: newRig(t, Config{Shards: 1, Deflate: func() Deflater { return slicedFlater }}), ids: trackers(30), ts: 10}
	x.w = x.core.workers[0]
	x.w.core.building = most
	x.roster(map[string][]string{"e": x.ids})
	x.sendAll(x.ids, base+x.ts)
	x.c, x.fast = client(x.rig), x.client(false)
	x.fast.subscribe("e", 0)
	x.settle()
	x.fast.read()
	return x
}

// lose has c recover from what it has lost.
func (x *sliced) lose() {
	x.settle()
	x.fast.read()
	x.c.recover()
}

// watch has c subscribe and read what it gets.
func (x *sliced) watch(interval time.Duration) {
	x.p = x.c.subscribe("e", interval).shards[0]
	x.settle()
	x.c.read()
}

// report has devices, or all, report, and what they report sealed.
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

// correct takes devices that have reported last back to a time before.
func (x *sliced) correct(ids ...string) {
	var list []Correction
	for _, id := range ids {
		list = append(list, fall(id, x.ts-5, x.ts))
	}
	x.correctLater(list...)
	x.turn(0)
}

// end lets everything come to rest.
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

// told is what c was told, in an order of its own where one flush or snapshot may
// have any.
func (x *sliced) told() (list []string) {
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

// What is built in slices is what is built at once.
func TestSlicesAreWhatOneTurnMakes(t *testing.T) {
	for name, task := range slicedTasks {
		if name == toLive {
			continue
		}
		for shape, client := range slicedShapes {
			t.Run(name+", "+shape, func(t *testing.T) {
				play := func(most buildBounds) (told []string, later bool) {
					x := newSliced(t, client, most)
					task(x)
					x.turn(0)
					for n := 0; x.w.unfinished() && n < 3; n++ {
						x.w.turn(nil)
					}
					later = x.w.unfinished()
					x.end()
					return x.told(), later
				}
				whole, later := play(defaultBounds)
				if later {
					t.Error("one turn is not enough where it should be")
				}
				for _, most := range []buildBounds{
					{devices: 1, copied: 1, compressed: 16, moved: 16, serves: 1},
					{devices: 3, copied: 300, compressed: 100, moved: 50, serves: 1},
					{devices: 7, copied: 1000, compressed: 200, moved: 1000, serves: 2},
				} {
					got, later := play(most)
					if !later && (name != "flush" || shape == "deflated") {
						t.Errorf("%+v: built in one turn, no test of slices", most)
					}
					if !slices.Equal(got, whole) {
						t.Errorf("%+v: in slices\n%v\nat once\n%v", most, got, whole)
					}
				}
			})
		}
	}
}

// slicedChanges are what comes between the slices.
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
	"another": func(x *sliced) {
		another := x.client(true)
		another.subscribe("e", 0)
		x.turn(0)
		another.conn.markLagged()
		x.report()
		another.read()
		x.more = append(x.more, another)
	},
}

// Whatever comes between the slices, the spectator sees in the end what others see,
// nothing older after newer, and nothing is held for it any more.
func TestSlicesWithChangesBetween(t *testing.T) {
	for name, task := range slicedTasks {
		for between, change := range slicedChanges {
			t.Run(name+", "+between, func(t *testing.T) {
				for _, client := range slicedShapes {
					for _, turns := range []int{0, 1, 2, 3, 5, 8, 13, 21} {
						most := buildBounds{devices: 1 + turns%4, copied: 100 << (turns % 4), compressed: 64 << (turns % 3), moved: 64, serves: 1}
						slicedWithChange(t, task, change, client, most, turns)
					}
				}
			})
		}
	}
}

func slicedWithChange(t *testing.T, task, change func(*sliced), client func(*rig) *client, most buildBounds, turns int) {
	x := newSliced(t, client, most)
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
		t.Fatalf("after %d turns: the command is not carried out", turns)
	}
	if x.c.held["e"] == x.p.topic && !x.c.conn.Closed() {
		if got, want := x.c.screen.seen["event:e"], x.fast.screen.seen["event:e"]; !maps.Equal(got, want) {
			t.Fatalf("after %d turns: the screen has %v, others have %v\nlog %v", turns, got, want, x.c.screen.log)
		}
	}
	if n, _ := x.c.conn.Queued(); n > 0 && !x.c.conn.Closed() || x.c.conn.recovering.Load() {
		t.Fatalf("after %d turns: %d chunks to come", turns, n)
	}
	takeEach(x.c.conn, func(*Chunk) {})
	x.fast.unsubscribe("e")
	for _, c := range append(x.more, x.c) {
		x.core.Leave(c.conn, func() {})
	}
	x.end()
	want(t, "held", x.core.HeldBytes(), int64(0))
	want(t, "builds", len(x.w.builds), 0)
	for _, d := range x.w.devices {
		if d.val != nil && d.val.refs != 1 {
			t.Fatalf("the value of %s has %d references at rest", d.id, d.val.refs)
		}
	}
}
