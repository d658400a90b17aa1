package shard

import (
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"pitwall/codec"
)

// BenchmarkQuietBesideHot measures how long a position of an event with one subscriber takes
// from Deliver to the subscriber's ring, while the same shard pushes to an event with 100,000
// subscribers. It is delivered at a random time during that push. "alone" is the same
// without positions of the hot event.
func BenchmarkQuietBesideHot(b *testing.B) {
	for _, of := range []struct {
		name     string
		interval time.Duration
		hot      bool
	}{{"alone", 0, false}, {"live", 0, true}, {"interval", 250 * time.Millisecond, true}} {
		b.Run(of.name, func(b *testing.B) { quietBesideHot(b, of.interval, of.hot) })
	}
}

func quietBesideHot(b *testing.B, interval time.Duration, hot bool) {
	const subscribers = 100_000
	core, ctx := running(b, Config{Shards: 1, Window: time.Millisecond}, Pair{"h", "hot"}, Pair{"q", "quiet"})
	conns := join(b, core, "hot", interval, subscribers)
	quiet := join(b, core, "quiet", 0, 1)[0]
	ts := int64(base)
	deliver := func(device string) {
		batch := core.AcquireBatch()
		ts += 10
		batch.Positions = append(batch.Positions, codec.Position{DeviceID: device, TS: ts, Arrival: ts, Lat: 1, Lon: 2})
		if err := core.Deliver(ctx, 0, batch); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC() // now, because on two processors it would be measured too
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	rng := rand.New(rand.NewPCG(1, 2))
	var delays []time.Duration
	for b.Loop() {
		if hot {
			before := core.Stats().Flushes
			deliver("h")
			for interval == 0 && core.Stats().Flushes == before && conns[0].ring.Empty() && conns[len(conns)-1].ring.Empty() {
			}
			for interval > 0 && conns[0].ring.Empty() && conns[len(conns)-1].ring.Empty() {
			}
		}
		for wait := time.Now().Add(time.Duration(rng.IntN(5000)) * time.Microsecond); time.Now().Before(wait); {
		}
		start := time.Now()
		deliver("q")
		for quiet.ring.Empty() {
		}
		delays = append(delays, time.Since(start))
		drain(quiet)
		for _, c := range conns {
			for hot && c.ring.Empty() {
			}
			drain(c)
		}
	}
	slices.Sort(delays)
	b.ReportMetric(float64(delays[len(delays)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(delays[len(delays)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(delays[len(delays)*95/100].Microseconds()), "p95-µs")
	b.ReportMetric(0, "ns/op")
}

// join returns n connections that are subscribed to an event of a running core.
func join(b *testing.B, core *Core, event string, interval time.Duration, n int) []*Conn {
	list := make([]*Conn, n)
	for i := range list {
		list[i] = core.NewConn(i%len(core.queues), false, nil)
	}
	enter(b, core, event, interval, list)
	return list
}

// enter subscribes connections to an event and drains them.
func enter(b *testing.B, core *Core, event string, interval time.Duration, list []*Conn) {
	t, ok := core.Watch(event)
	if !ok {
		b.Fatalf("no event %q", event)
	}
	done := make(chan struct{}, len(list))
	for _, c := range list {
		core.Subscribe(c, t, interval, func() { done <- struct{}{} })
	}
	for range list {
		<-done
	}
	for _, c := range list {
		drain(c)
	}
}
