package shard

import (
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"pitwall/codec"
)

// BenchmarkQuietBesideHuge measures how long an event with one subscriber waits while its
// shard works for a huge event: a snapshot for a new subscriber, the recovery of a
// connection, ticks, a flush that is compressed. The wait is one turn at most, and each turn
// here also delivers a position of the quiet event. Turns are measured in CPU time of their
// thread. p50 and max are of the longest turn of each operation; turns is how many turns an
// operation takes.
func BenchmarkQuietBesideHuge(b *testing.B) {
	for _, of := range []struct {
		name          string
		devices, size int
	}{{"50,000 devices", 50_000, 60}, {"2,500 devices of 16 KiB", 2500, 16 << 10}} {
		for _, form := range []struct {
			name           string
			batch, deflate bool
		}{{"plain", false, false}, {"batch", true, false}, {"deflated", true, true}} {
			for _, what := range hugeTasks {
				b.Run(of.name+"/"+form.name+"/"+what.name, func(b *testing.B) {
					h := newHuge(b, of.devices, of.size)
					h.batch, h.deflate = form.batch, form.deflate
					h.bench(b, what.prepare, what.task)
				})
			}
		}
	}
	b.Run("alone", func(b *testing.B) {
		newHuge(b, 0, 0).bench(b, func(h *huge) *client { return h.client(false) }, func(*huge, *client) {})
	})
}

// hugeTasks are the tasks of the shard. prepare returns the client. A task ends when the
// client has got everything.
var hugeTasks = []struct {
	name    string
	prepare func(*huge) *client
	task    func(*huge, *client)
}{
	{"subscribe", (*huge).fresh, func(h *huge, c *client) { c.subscribe("huge", 0) }},
	{"lagged", (*huge).changed, (*huge).lose},
	{"lagged and corrected", (*huge).corrected, (*huge).lose},
	{"renewal", (*huge).forgotten, (*huge).lose},
	{"tick", (*huge).ticking, func(h *huge, c *client) { h.pass(time.Second) }},
	{"flush", (*huge).pending, func(h *huge, c *client) { h.pass(time.Second) }},
	{"first of its encoding", (*huge).pendingForOthers, func(h *huge, c *client) { c.subscribe("huge", 0) }},
	{"roster", (*huge).moved, (*huge).lose},
}

// huge is a rig with one shard, a huge event, and a quiet one with one subscriber.
type huge struct {
	*rig
	w              *worker
	ids            []string
	attributes     codec.Attributes
	quiet          *client
	batch, deflate bool
	others         []*client // of the huge event
}

func newHuge(b *testing.B, devices, size int) *huge {
	h := &huge{rig: newRig(b, Config{Shards: 1, Window: time.Millisecond, Deflate: newDeflater, RingBytes: 1 << 30}), ids: numbered("d", devices)}
	h.w = h.core.workers[0]
	h.roster(map[string][]string{"huge": h.ids, "quiet": {"q"}})
	rng := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for text.Len() < size {
		text.WriteString([]string{`12`, `345`, `6`, `78`, `,`}[rng.IntN(5)])
	}
	h.attributes = codec.Attributes(`{"io":"` + text.String() + `"}`)
	h.publish()
	h.quiet = h.rig.client(false)
	h.quiet.subscribe("quiet", 0)
	h.settle()
	h.quiet.drain()
	return h
}

// turn gives the shard a turn with positions of the devices.
func (h *huge) turn(attributes codec.Attributes, ids ...string) {
	batch := h.core.AcquireBatch()
	for _, id := range ids {
		batch.Positions = append(batch.Positions, codec.Position{DeviceID: id, TS: h.wall, Arrival: h.wall, Lat: 1, Lon: 2, Attributes: attributes})
	}
	h.w.turn(batch)
}

// publish sends a position of every device of the huge event.
func (h *huge) publish() {
	h.rig.pass(10 * time.Millisecond)
	for some := range slices.Chunk(h.ids, 100) {
		h.turn(h.attributes, some...)
	}
}

func (h *huge) client(batch bool) *client {
	c := h.rig.client(batch)
	if h.deflate {
		c.conn.AcceptDeflate()
	}
	return c
}

func (h *huge) fresh() *client { return h.client(h.batch) }

// watching returns a client that has the snapshot of the huge event.
func (h *huge) watching(interval time.Duration) *client {
	c := h.fresh()
	c.subscribe("huge", interval)
	h.settle()
	c.drain()
	return c
}

// changed returns a client that lags while every device reports.
func (h *huge) changed() *client {
	c := h.watching(0)
	c.conn.markLagged()
	h.publish()
	h.rig.pass(time.Second)
	h.settle()
	return c
}

// corrected returns a client that lags while every device is corrected.
func (h *huge) corrected() *client {
	c := h.changed()
	for some := range slices.Chunk(h.ids, 100) {
		var list []Correction
		for _, id := range some {
			good := codec.Position{DeviceID: id, TS: h.wall - 5000, Arrival: h.wall - 5000, Lat: 1, Lon: 2, Attributes: h.attributes}
			list = append(list, Correction{Device: id, Good: &good, Faulty: []Stamp{{h.w.devices[id].shown.ts, h.wall}}})
		}
		h.correctAll(list...)
	}
	return c
}

// forgotten returns a client that has lagged and missed more joins than the log remembers.
func (h *huge) forgotten() *client {
	c := h.changed()
	h.w.core.workers[0].devices[h.ids[0]].memberships[0].shard.roster.completeSince = 1 << 60
	return c
}

// moved returns a client that has lagged and missed many joins.
func (h *huge) moved() *client {
	c := h.watching(0)
	c.conn.markLagged()
	p := c.held["huge"].shards[0]
	for _, id := range h.ids[:min(len(h.ids), 20_000)] {
		p.seq++
		p.roster.add(rosterChange{device: id, seq: p.seq, added: true}, maxRosterBytes)
	}
	h.rig.pass(time.Second)
	h.turn("", h.ids[0])
	h.settle()
	return c
}

// ticking returns a client with an interval. Every device has reported since its last tick.
func (h *huge) ticking() *client {
	c := h.watching(2 * time.Second)
	h.publish()
	h.rig.pass(10 * time.Millisecond)
	h.settle()
	h.rig.pass(time.Second)
	return c
}

// pending returns a client for whom the positions of all devices are pending.
func (h *huge) pending() *client {
	c := h.watching(0)
	h.core.SetWindow(time.Second)
	h.rig.pass(2 * time.Second)
	h.turn("", h.ids[0]) // sent at once
	h.settle()
	h.publish()
	h.core.SetWindow(time.Millisecond)
	return c
}

// pendingForOthers returns a client that has not subscribed, while the positions are pending
// for another one.
func (h *huge) pendingForOthers() *client {
	h.batch = !h.batch
	h.others = append(h.others, h.pending())
	h.batch = !h.batch
	return h.fresh()
}

// lose makes c drop what is queued, and recover.
func (h *huge) lose(c *client) { c.recover() }

func (h *huge) bench(b *testing.B, prepare func(*huge) *client, task func(*huge, *client)) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // not while it is measured
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var longest []time.Duration
	turns := 0
	for b.Loop() {
		c := prepare(h)
		h.quiet.drain()
		runtime.GC()
		task(h, c)
		most := time.Duration(0)
		for more := true; more; more = c.busy || c.conn.recovering.Load() || h.w.unfinished() {
			h.rig.pass(10 * time.Millisecond)
			used := cpuTime(thisThread)
			h.turn("", "q")
			most = max(most, cpuTime(thisThread)-used)
			turns++
			if h.quiet.conn.ring.Empty() {
				b.Fatal("the quiet event waits for more than a turn")
			}
			h.quiet.drain()
		}
		longest = append(longest, most)
		for _, c := range append(h.others, c) {
			c.drain()
			if c.held["huge"] != nil {
				h.core.Leave(c.conn, func() {})
				h.core.Unwatch(c.held["huge"])
			}
		}
		h.others = nil
		h.settle() // without subscribers, so that the next operation builds everything again
		if len(h.ids) > 0 {
			h.w.devices[h.ids[0]].memberships[0].shard.roster.completeSince = 0
		}
	}
	slices.Sort(longest)
	b.ReportMetric(float64(longest[len(longest)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(longest[len(longest)-1].Microseconds()), "max-µs")
	b.ReportMetric(float64(turns)/float64(len(longest)), "turns")
	b.ReportMetric(0, "ns/op")
}
