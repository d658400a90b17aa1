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

// BenchmarkQuietBesideHuge measures how long an event with one subscriber waits
// for the shard that builds a snapshot of a huge event for somebody who has just
// subscribed: no longer than one turn, and each turn here takes a position of the
// quiet event to its subscriber as well. Turns are measured in their thread's CPU
// time; the longest of each subscribe are what p50 and max are of. turns is how
// many of them the subscriber waits for.
func BenchmarkQuietBesideHuge(b *testing.B) {
	for _, of := range []struct {
		name          string
		devices, size int
		deflate       bool
	}{
		{"alone", 0, 0, false},
		{"50,000 devices", 50_000, 60, false}, {"50,000 devices, deflated", 50_000, 60, true},
		{"2,500 devices of 16 KiB", 2500, 16 << 10, false}, {"2,500 devices of 16 KiB, deflated", 2500, 16 << 10, true},
	} {
		b.Run(of.name, func(b *testing.B) { quietBesideHuge(b, of.devices, of.size, of.deflate) })
	}
}

func quietBesideHuge(b *testing.B, devices, size int, deflate bool) {
	r := newRig(b, Config{Shards: 1, Window: time.Millisecond, Deflate: newFlater})
	w, ids := r.core.workers[0], numbered("d", devices)
	r.roster(map[string][]string{"huge": ids, "quiet": {"q"}})
	rng := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for text.Len() < size {
		text.WriteString([]string{`12`, `345`, `6`, `78`, `,`}[rng.IntN(5)])
	}
	batch := func(attributes codec.Attributes, ids ...string) *Batch {
		r.pass(10 * time.Millisecond)
		batch := r.core.AcquireBatch()
		for _, id := range ids {
			batch.Positions = append(batch.Positions, codec.Position{DeviceID: id, TS: r.wall, Arrival: r.wall, Lat: 1, Lon: 2, Attributes: attributes})
		}
		return batch
	}
	for some := range slices.Chunk(ids, 100) {
		w.turn(batch(codec.Attributes(`{"io":"`+text.String()+`"}`), some...))
	}
	quiet := r.client(false)
	quiet.subscribe("quiet", 0)
	r.settle()
	quiet.drain()
	runtime.GC() // not while it is measured
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var longest []time.Duration
	turns := 0
	for b.Loop() {
		c := r.client(true)
		if deflate {
			c.conn.AcceptDeflate()
		}
		c.subscribe("huge", 0)
		most := time.Duration(0)
		for c.busy {
			one := batch("", "q")
			used := cpuTime(thisThread)
			w.turn(one)
			most = max(most, cpuTime(thisThread)-used)
			turns++
			if quiet.conn.ring.empty() {
				b.Fatal("the quiet event waits for more than a turn")
			}
			quiet.drain()
		}
		longest = append(longest, most)
		c.drain()
		r.core.Leave(c.conn, func() {})
		r.core.Unwatch(c.held["huge"])
		r.settle() // nobody watches: the next builds anew
		runtime.GC()
	}
	slices.Sort(longest)
	b.ReportMetric(float64(longest[len(longest)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(longest[len(longest)-1].Microseconds()), "max-µs")
	b.ReportMetric(float64(turns)/float64(len(longest)), "turns")
	b.ReportMetric(0, "ns/op")
}
