package shard

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// TestRandomSchedule plays random publishes, subscribes, unsubscribes, interval
// changes, stalls and map swaps over one to four shards, turned in random
// order. Every screen checks the order rule at each frame; when all is quiet,
// each must equal the last-value table.
func TestRandomSchedule(t *testing.T) {
	rounds := 300
	if n, err := strconv.Atoi(os.Getenv("PITWALL_RANDOM_ROUNDS")); err == nil {
		rounds = n // for a long run
	}
	for seed := range rounds {
		play(t, uint64(seed))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// world is the plain model: who is where, and where each device was last.
type world struct {
	*rig
	rng     *rand.Rand
	members map[string]map[string]bool // event -> devices
	last    map[string]int64
	clients []*client
	devices []string
	events  []string
}

func play(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	w := &world{
		rig: newRig(t, Config{
			Shards:    1 + rng.IntN(4),
			RingSlots: 2 + rng.IntN(6),
			RingBytes: 1 << (10 + rng.IntN(6)),
			Deflate:   newFlater,
		}),
		rng: rng, members: map[string]map[string]bool{}, last: map[string]int64{},
	}
	for i := range 1 + rng.IntN(12) {
		w.devices = append(w.devices, fmt.Sprintf("d%d", i))
	}
	for i := range 1 + rng.IntN(3) {
		e := fmt.Sprintf("e%d", i)
		w.events = append(w.events, e)
		w.members[e] = map[string]bool{}
	}
	w.swap()
	for range 1 + rng.IntN(5) {
		c := w.client(rng.IntN(2) == 0)
		if rng.IntN(2) == 0 {
			c.conn.AcceptDeflate()
		}
		w.clients = append(w.clients, c)
	}
	for range 300 {
		w.step()
	}
	w.end()
}

func pick[T any](w *world, list []T) T { return list[w.rng.IntN(len(list))] }

func (w *world) step() {
	c := pick(w, w.clients)
	e := pick(w, w.events)
	switch n := w.rng.IntN(100); {
	case n < 45:
		d := pick(w, w.devices)
		ts := w.wall - int64(w.rng.IntN(3))*50
		w.send(d, ts)
		if ts > w.last[d] {
			w.last[d] = ts
		}
		if w.rng.IntN(2) == 0 {
			w.turn(w.core.ShardOf(d))
		} else {
			w.settle()
		}
	case n < 60:
		w.pass(time.Duration(w.rng.IntN(150)) * time.Millisecond)
	case n < 70:
		w.turn(w.rng.IntN(w.core.Shards()))
	case n < 78:
		c.subscribe(e, Intervals[0]*time.Duration(w.rng.IntN(3)))
		w.settle()
	case n < 81:
		if c.held[e] != nil {
			c.unsubscribe(e)
			w.settle()
		}
	case n < 83:
		w.swap()
	default:
		c.read()
	}
}

// swap moves a few devices in or out and puts the new map in force.
func (w *world) swap() {
	for range w.rng.IntN(4) {
		e, d := pick(w, w.events), pick(w, w.devices)
		w.members[e][d] = !w.members[e][d]
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
	w.settle()
	w.roster(m)
}

// end lets everything come to rest and compares the screens with the model.
func (w *world) end() {
	w.settle()
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
			got := c.screen.seen[TopicName(e)]
			for d, in := range w.members[e] {
				if at, ok := got[d]; in && w.last[d] != at || !in && ok {
					w.t.Errorf("client %d, %s, %s: screen has %d, want %d (member: %v)\nlog: %v",
						i, e, d, at, w.last[d], in, c.screen.log)
				}
			}
			if n := c.screen.parts[TopicName(e)]; n%w.core.Shards() != 0 {
				w.t.Errorf("client %d, %s: %d snapshot parts from %d shards", i, e, n, w.core.Shards())
			}
		}
	}
	for _, k := range w.core.workers {
		for _, d := range k.devices {
			if d.val != nil && d.val.refs != 1 {
				w.t.Errorf("device %s: its value has %d references at rest", d.id, d.val.refs)
			}
		}
	}
}
