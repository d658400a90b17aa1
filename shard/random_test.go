package shard

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// TestRandomSchedule plays random schedules: publishes, corrections of one or more devices,
// subscribes, unsubscribes, changes of the interval, disconnects, stalls, map swaps and
// changes of the window. One to four shards have their turns in random order. Pushes are
// cut into small slices, and some roster logs remember few changes only. Every screen
// checks the order rule at each frame: no device goes back in time, except by a corrected
// frame or after it was removed. At rest each screen must equal the last-value table, and
// a connection that has never lagged must have been shown every update since it subscribed.
//
// With PITWALL_SOAK, a duration, it plays new schedules for that long: see make soak.
func TestRandomSchedule(t *testing.T) { playSeeds(t, 0, 400, scheduleSeeds, play) }

// scheduleSeeds are seeds that have failed: a late record after one with a wrong time, and
// corrections of devices that had sent such records.
var scheduleSeeds = []uint64{4900201196296387363, 14523604719591638282, 4900201196296387381, 14523604719591638284}

// playSeeds plays at least count seeds from first on, then those that have failed before.
func playSeeds(t *testing.T, first uint64, count int, failed []uint64, play func(*testing.T, uint64)) {
	seed, until := soak(t, first)
	played := 0
	for ; played < count || time.Now().Before(until); played++ {
		play(t, seed)
		seed++
	}
	for _, seed := range failed {
		play(t, seed)
	}
	t.Logf("%d schedules", played)
}

// soak returns the first seed and until when to go on with new ones, from the environment.
// Without PITWALL_SOAK the first seed is the one given.
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

// reportSeed ends a test that has failed, with its seed. It is deferred, because a check
// may end the test.
func reportSeed(t *testing.T, seed uint64) {
	if t.Failed() {
		t.Fatalf("seed %d: PITWALL_SEED=%[1]d plays it first", seed)
	}
}

// world is a rig with a model of what its clients must show: the devices of each event, and
// the last position of each device.
type world struct {
	*rig
	rng     *rand.Rand
	events  []string
	devices []string
	clients []*client
	members map[string]map[string]bool // event -> devices
	moved   map[string]map[string]int  // event -> device -> number of updates when it had joined or left
	moving  []Pair                     // changes of the map that the shards are applying
	last    map[string]int64           // device -> live time
	updates []update
	since   map[*client]map[string]int // event -> number of updates at the end of the subscribe to the live flow
	clocks  map[string]*clockModel
	faults  map[string]*faults // by device
}

type update struct {
	device string
	ts     int64
}

func play(t *testing.T, seed uint64) {
	defer reportSeed(t, seed)
	rng := rand.New(rand.NewPCG(seed, 7))
	w := &world{
		rig: newRig(t, Config{
			Shards:    1 + rng.IntN(4),
			RingSlots: 2 + rng.IntN(6),
			RingBytes: 1 << (10 + rng.IntN(6)),
			Deflate:   oneDeflater,
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
	w.checkValues()
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
	case n < 87: // the writer finds that the queue is too old
		c.conn.markLagged()
	default:
		c.read()
	}
}

// publish sends a position of d: mostly in order, sometimes late, twice, or with a clock
// that is ahead.
func (w *world) publish(d string) {
	ts := w.wall - int64(w.rng.IntN(3))*50
	if w.rng.IntN(40) == 0 {
		ts = w.wall + 3_600_000
	}
	// A record is sent twice in a row at most: a publisher that retries sends nothing else
	// in between.
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
		return // refused as faulty
	}
	if live, newer := w.clocks[d].takes(ts, w.wall); newer {
		w.last[d] = live
		w.updates = append(w.updates, update{d, live})
	}
	if !f.knows(ts) {
		f.good = append(f.good, Stamp{ts, w.wall})
	}
}

// perhapsTurn makes the shards apply a record of d: its shard alone, or all, or later.
func (w *world) perhapsTurn(d string) {
	if w.rng.IntN(2) == 0 {
		w.turn(w.core.ShardOf(d))
	} else if w.rng.IntN(2) == 0 {
		w.settle()
	}
}

// subscribe subscribes to e, or changes the interval. A client that begins with the live
// flow must be shown every update from now on.
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
		c.screen.known[name] = append(c.screen.known[name], w.mayBeShown(e))
	}
	if _, already := w.since[c][e]; !already && c.held[e] == nil && interval == 0 {
		w.since[c][e] = len(w.updates)
	} else if interval > 0 {
		delete(w.since[c], e)
	}
	c.done = nil
	if _, live := w.since[c][e]; live && c.held[e] == nil && w.core.building != defaultBounds {
		c.done = func() {
			if since := w.since[c]; since != nil { // the snapshot conflates what came while it was built
				since[e] = len(w.updates)
			}
		}
	}
	c.subscribe(e, interval)
}

// replace closes the connection of c, whatever is in its queue, and returns a new client.
func (w *world) replace(c *client) *client {
	c.conn.Close()
	for _, t := range c.held {
		w.core.Unwatch(t)
	}
	w.core.Leave(c.conn, func() {})
	delete(w.since, c)
	return w.client(w.rng.IntN(2) == 0)
}

// changeWindow sets a random flush window.
func (w *world) changeWindow() {
	w.core.SetWindow([]time.Duration{0, 10 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond}[w.rng.IntN(4)])
}

// change adds these and some other devices to an event or removes them, and swaps in the
// new map. The shards apply it in the turns to come. First they apply the last map and what
// was sent before, because the model knows one map at a time.
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

// settled notes, once the shards have applied the map, from which update on the devices
// that joined must be shown.
func (w *world) settled() {
	if !w.swapped() {
		return
	}
	for _, p := range w.moving {
		w.moved[p.Event][p.Device] = len(w.updates)
	}
	w.moving = nil
}

// rest settles, makes all clients read, and compares the screens with the model.
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
			w.t.Errorf("client %d, %s, %s: the screen has %d, want %d (member: %v)\nlog: %v",
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

// checkValues checks the reference counts of the values: at rest each device has the only
// reference to its own.
func (w *world) checkValues() {
	for _, k := range w.core.workers {
		for _, d := range k.devices {
			if d.val != nil && d.val.refs != 1 {
				w.t.Errorf("device %s: its value has %d references at rest", d.id, d.val.refs)
			}
		}
	}
}
