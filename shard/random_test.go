package shard

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// TestRandomSchedule plays random publishes, corrections of one or more devices,
// subscribes, unsubscribes, interval changes, departures, stalls, map swaps and
// window changes over one to four shards that are turned in random order, with
// long pushes cut into slices of a few, and roster logs that at times hold a few
// moves only. Every screen checks the order rule at each frame: no device goes
// back in time, except by a corrected frame or after it was removed. At moments
// of rest each screen must equal the last-value table, and a connection that was
// never slow must have been shown every single update since it subscribed.
//
// PITWALL_SOAK, a duration, plays new schedules for that long: see make soak.
func TestRandomSchedule(t *testing.T) { playSeeds(t, 0, 800, scheduleSeeds, play) }

// scheduleSeeds are of schedules that have failed: a late record after one of a wrong
// time, and corrections of devices that had sent such.
var scheduleSeeds = []uint64{4900201196296387363, 14523604719591638282, 4900201196296387381, 14523604719591638284}

// playSeeds plays at least so many seeds from first on, then those that have failed
// before.
func playSeeds(t *testing.T, first uint64, least int, failed []uint64, play func(*testing.T, uint64)) {
	seed, until := soak(t, first)
	played := 0
	for ; played < least || time.Now().Before(until); played++ {
		play(t, seed)
		seed++
	}
	for _, seed := range failed {
		play(t, seed)
	}
	t.Logf("%d schedules", played)
}

// soak returns the first seed and how long to go on with new ones, as the
// environment has it. Without PITWALL_SOAK the first seed is the one given.
func soak(t *testing.T, first uint64) (seed uint64, until time.Time) {
	seed = first
	if soak := os.Getenv("PITWALL_SOAK"); soak != "" {
		d, err := time.ParseDuration(soak)
		if err != nil {
			t.Fatalf("PITWALL_SOAK: %v", err)
		}
		seed, until = rand.Uint64(), time.Now().Add(d)
	}
	if n, err := strconv.ParseUint(os.Getenv("PITWALL_SEED"), 10, 64); err == nil {
		seed = n
	}
	return seed, until
}

// tellSeed ends a test that has failed with the seed that it was at. It is deferred,
// for a check may end the test.
func tellSeed(t *testing.T, seed uint64) {
	if t.Failed() {
		t.Fatalf("seed %d: PITWALL_SEED=%[1]d plays it first", seed)
	}
}

// world is the plain model: who is where, and where each device was last.
type world struct {
	*rig
	rng     *rand.Rand
	events  []string
	devices []string
	clients []*client
	members map[string]map[string]bool // event -> devices
	moved   map[string]map[string]int  // event -> device -> updates there were when it had joined or left
	moving  []Pair                     // of the map that the shards are taking over
	last    map[string]int64           // live time
	updates []update
	since   map[*client]map[string]int // event -> updates there were at the end of the subscribe to the live flow
	clocks  map[string]*clockModel
	faults  map[string]*faults // by device
}

type update struct {
	device string
	ts     int64
}

func play(t *testing.T, seed uint64) {
	defer tellSeed(t, seed)
	rng := rand.New(rand.NewPCG(seed, 7))
	w := &world{
		rig: newRig(t, Config{
			Shards:    1 + rng.IntN(4),
			RingSlots: 2 + rng.IntN(6),
			RingBytes: 1 << (10 + rng.IntN(6)),
			Deflate:   newFlater,
		}),
		rng: rng, members: map[string]map[string]bool{}, moved: map[string]map[string]int{}, last: map[string]int64{},
		since: map[*client]map[string]int{}, faults: map[string]*faults{},
		clocks: map[string]*clockModel{},
	}
	if rng.IntN(3) == 0 {
		w.core.rosterBytes = 1 << (6 + rng.IntN(4))
	}
	w.core.slice = 1 + rng.IntN(4)
	w.core.building = smallBuilds(rng)
	w.changeWindow()
	for i := range 1 + rng.IntN(12) {
		w.devices = append(w.devices, fmt.Sprintf("d%d", i))
		w.clocks[w.devices[i]] = &clockModel{}
		w.faults[w.devices[i]] = &faults{}
	}
	for i := range 1 + rng.IntN(3) {
		e := fmt.Sprintf("e%d", i)
		w.events = append(w.events, e)
		w.members[e], w.moved[e] = map[string]bool{}, map[string]int{}
	}
	w.change()
	w.settle()
	for range 1 + rng.IntN(12) {
		c := w.client(rng.IntN(2) == 0)
		if rng.IntN(2) == 0 {
			c.conn.AcceptDeflate()
		}
		w.clients = append(w.clients, c)
	}
	for range 300 {
		w.step()
		if t.Failed() {
			return
		}
	}
	w.rest()
	w.values()
}

func pick[T any](w *world, list []T) T { return list[w.rng.IntN(len(list))] }

func (w *world) step() {
	w.settled()
	i := w.rng.IntN(len(w.clients))
	c, e := w.clients[i], pick(w, w.events)
	switch n := w.rng.IntN(100); {
	case n < 36:
		w.publish(pick(w, w.devices))
	case n < 38:
		w.publishFaulty(pick(w, w.devices))
	case n < 42:
		w.correct()
	case n < 55:
		w.pass(time.Duration(w.rng.IntN(150)) * time.Millisecond)
	case n < 65:
		w.turn(w.rng.IntN(w.core.Shards()))
	case n < 76:
		w.subscribe(c, e)
	case n < 80:
		if c.held[e] != nil && !c.busy {
			delete(w.since[c], e)
			c.unsubscribe(e)
		}
	case n < 81:
		if !c.busy {
			w.clients[i] = w.replace(c)
		}
	case n < 83:
		w.change()
	case n < 84:
		w.changeWindow()
	case n < 86:
		w.rest()
	case n < 87: // the writer finds what is queued too old
		c.conn.markLagged()
	default:
		c.read()
	}
}

// publish sends a position of d: mostly in order, at times late, twice, or
// with a clock that runs ahead.
func (w *world) publish(d string) {
	ts := w.wall - int64(w.rng.IntN(3))*50
	if w.rng.IntN(40) == 0 {
		ts = w.wall + 3_600_000
	}
	// A record is sent twice in a row at most: who tries again sends nothing else
	// meanwhile.
	if f := w.faults[d]; w.clocks[d].ts == ts || !f.knows(ts) {
		w.sendAt(d, ts)
	}
	w.perhapsTurn(d)
}

// sendAt sends a position of d.
func (w *world) sendAt(d string, ts int64) {
	w.send(d, ts)
	f := w.faults[d]
	if f.has(ts) {
		return // turned away
	}
	if live, newer := w.clocks[d].takes(ts, w.wall); newer {
		w.last[d] = live
		w.updates = append(w.updates, update{d, live})
	}
	if !f.knows(ts) {
		f.good = append(f.good, Stamp{ts, w.wall})
	}
}

// perhapsTurn has a record of d taken in, alone, with everything else, or later.
func (w *world) perhapsTurn(d string) {
	if w.rng.IntN(2) == 0 {
		w.turn(w.core.ShardOf(d))
	} else if w.rng.IntN(2) == 0 {
		w.settle()
	}
}

// subscribe asks for e, or changes the interval. What comes from now on is owed
// to who takes the live flow and has not had another.
func (w *world) subscribe(c *client, e string) {
	if c.busy {
		return
	}
	interval := Intervals[0] * time.Duration(w.rng.IntN(3))
	if w.since[c] == nil {
		w.since[c] = map[string]int{}
	}
	if c.held[e] == nil {
		name := TopicName(e)
		c.screen.known[name] = append(c.screen.known[name], w.there(e))
	}
	if _, already := w.since[c][e]; !already && c.held[e] == nil && interval == 0 {
		w.since[c][e] = len(w.updates)
	} else if interval > 0 {
		delete(w.since[c], e)
	}
	c.done = nil
	if _, live := w.since[c][e]; live && c.held[e] == nil && w.core.building != defaultBounds {
		c.done = func() {
			if owed := w.since[c]; owed != nil { // what came while it was built is in it, conflated
				owed[e] = len(w.updates)
			}
		}
	}
	c.subscribe(e, interval)
}

// replace has c go, with whatever is in its queue, and another come.
func (w *world) replace(c *client) *client {
	c.conn.Close()
	for _, t := range c.held {
		w.core.Unwatch(t)
	}
	w.core.Leave(c.conn, func() {})
	delete(w.since, c)
	return w.client(w.rng.IntN(2) == 0)
}

// changeWindow sets another flush window.
func (w *world) changeWindow() {
	w.core.SetWindow([]time.Duration{0, 10 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond}[w.rng.IntN(4)])
}

// change moves these and some other devices in or out and puts the new map in force; the shards
// apply it in the turns to come. The map before is applied first, and
// what was sent before is taken in, for the model knows one map at a time.
func (w *world) change(movers ...string) {
	w.settle()
	w.settled()
	for range w.rng.IntN(1 + w.rng.IntN(12)) {
		movers = append(movers, pick(w, w.devices))
	}
	for _, d := range movers {
		e := pick(w, w.events)
		w.members[e][d] = !w.members[e][d]
		w.moving = append(w.moving, Pair{d, e})
	}
	m := map[string][]string{}
	for e, ds := range w.members {
		m[e] = nil
		for d, in := range ds {
			if in {
				m[e] = append(m[e], d)
			}
		}
	}
	w.rig.swap(m)
}

// settled notes, once the shards have taken the map over, from which update on
// everybody is shown those who joined.
func (w *world) settled() {
	if !w.swapped() {
		return
	}
	for _, p := range w.moving {
		w.moved[p.Event][p.Device] = len(w.updates)
	}
	w.moving = nil
}

// rest lets everything come to rest and compares the screens with the model.
func (w *world) rest() {
	w.settle()
	w.settled()
	for range 6 {
		w.pass(Intervals[2])
		w.settle()
		for _, c := range w.clients {
			c.read()
		}
		w.settle()
	}
	for i, c := range w.clients {
		if n, b := c.conn.Queued(); n != 0 || b != 0 {
			w.t.Errorf("client %d: %d chunks, %d bytes left on the account", i, n, b)
		}
		for e := range c.held {
			w.compare(i, c, e)
		}
	}
}

func (w *world) compare(i int, c *client, e string) {
	got, ever := c.screen.seen[TopicName(e)], c.screen.ever[TopicName(e)]
	for d, in := range w.members[e] {
		if at, ok := got[d]; in && w.last[d] != at || !in && ok {
			w.t.Errorf("client %d, %s, %s: screen has %d, want %d (member: %v)\nlog: %v",
				i, e, d, at, w.last[d], in, c.screen.log)
		}
	}
	if n := c.screen.parts[TopicName(e)]; n%w.core.Shards() != 0 {
		w.t.Errorf("client %d, %s: %d snapshot parts from %d shards", i, e, n, w.core.Shards())
	}
	from, live := w.since[c][e]
	if (live || !c.lagged) && len(c.screen.shownAfterLeave[TopicName(e)]) > 0 {
		w.t.Errorf("client %d, %s: shown after they had left: %v\nlog: %v", i, e, c.screen.shownAfterLeave[TopicName(e)], c.screen.log)
	}
	if c.lagged || !live {
		return
	}
	for n, u := range w.updates[from:] {
		if w.members[e][u.device] && w.moved[e][u.device] <= from+n && !ever[fmt.Sprintf("%s@%d", u.device, u.ts)] {
			w.t.Errorf("client %d, %s: never shown %s@%d, the live flow has a gap\nlog: %v", i, e, u.device, u.ts, c.screen.log)
		}
	}
}

// values checks that the shards' values are counted right: at rest each
// device holds the one reference to its own.
func (w *world) values() {
	for _, k := range w.core.workers {
		for _, d := range k.devices {
			if d.val != nil && d.val.refs != 1 {
				w.t.Errorf("device %s: its value has %d references at rest", d.id, d.val.refs)
			}
		}
	}
}
