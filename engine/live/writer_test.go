package live

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// There is one write per connection, topic and window: positions of all shards that
// come within a window are written together. If the machine stalls a writer or a
// shard for longer than gatherTime, a window is split. If half of them were, nothing
// would be gathered.
func TestOneWritePerWindow(t *testing.T) {
	const window, windows, clients = 100 * time.Millisecond, 15, 20
	devices := deviceNames(30)
	r := start(t, map[string][]string{"e": devices}, func(su *setup) { su.shard.Window = window })
	var all []*spectator
	for range clients {
		all = append(all, r.watch("", "e"))
	}
	r.publish(devices...)
	eventually(t, "the first positions", func() bool { return all[0].shows(r, "e", devices) })
	// A writer counts its writes at the end of a pass. Clients may read before that.
	counted := func() bool {
		return !slices.ContainsFunc(r.srv.passes, func(p *passTimer) bool { return p.since.Load() != 0 })
	}
	measure := func() (per float64) {
		eventually(t, "the writers to count the writes before", counted)
		begin, writes, flushes := time.Now(), r.srv.m.writes.Get(), r.core.Stats().Flushes
		pace := time.NewTicker(window / publishesPerWindow)
		defer pace.Stop()
		for ; time.Since(begin) < windows*window; <-pace.C {
			r.publish(devices...)
		}
		last := r.publish(devices...)
		for _, s := range all {
			s.awaitPosition("e", devices[len(devices)-1], last)
		}
		eventually(t, "the writers to count the last writes", counted)
		writes, flushes = r.srv.m.writes.Get()-writes, r.core.Stats().Flushes-flushes
		if most := uint64(float64(r.core.Shards()) * (float64(time.Since(begin)/window) + 2)); flushes > most {
			t.Errorf("got %d flushes in %v, want %d at most", flushes, time.Since(begin), most)
		}
		per = float64(writes) / float64(clients) / (float64(flushes) / float64(r.core.Shards()))
		t.Logf("%d writes, %d flushes of %d shards: %.3f writes per connection and window", writes, flushes, r.core.Shards(), per)
		if per > 1.5 {
			t.Fatalf("got %.3f writes per connection and window, want about 1", per)
		}
		return per
	}
	// A writer that is kept waiting writes two windows at once. So only one of several
	// measurements must be 0.9 or more.
	for tries := 1; measure() < 0.9; tries++ {
		if tries == 10 {
			t.Fatalf("got less than 0.9 writes per connection and window in %d measurements, want about 1", tries)
		}
	}
}

// Frames of every size, those with a 64-bit length included, come whole through
// sockets that take little at a time.
func TestPartialWrites(t *testing.T) {
	for _, enc := range encodings {
		t.Run(enc.name, func(t *testing.T) {
			t.Parallel()
			devices := deviceNames(1500)
			r := start(t, map[string][]string{"e": devices}, smallBuffers, func(su *setup) { su.shard.RingBytes = 8 << 20 })
			r.publishWith(padding, devices...)
			w := r.slowClient(enc.query)
			w.subscribe("e")
			if !w.screen.shows(r, "e", devices) {
				t.Error("the snapshot does not show the last values")
			}
			for range 3 {
				r.publishWith(padding, devices...)
			}
			w.send(text(`{"type":"ping","id":"between"}`))
			w.awaitText(`"pong","id":"between"`)
			w.readUntil("every position", func() bool {
				live, conflated := w.screen.count("e")
				return live+conflated == 3*len(devices)
			})
			if !w.screen.shows(r, "e", devices) {
				t.Error("the screen does not show the newest values")
			}
		})
	}
}

// With a window of 0, positions are sent at once, and all of them come.
func TestNoWindow(t *testing.T) {
	t.Parallel()
	devices := deviceNames(10)
	r := start(t, map[string][]string{"e": devices}, func(su *setup) { su.shard.Window = 0 })
	f := r.newFeed("e", "", devices)
	for range 200 {
		f.publish()
	}
	f.wantNoLoss()
}

// A position reaches every connection, whichever writer it belongs to. The metrics
// have the names that dashboards use.
func TestDeliveriesAreCounted(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a", "b"}, "f": {"b"}})
	var all []*spectator
	for range 9 {
		all = append(all, r.watch("", "e", "f"))
	}
	for range 10 {
		ts := r.publish("a", "b")
		for _, s := range all {
			s.awaitPosition("e", "b", ts)
			s.awaitPosition("f", "b", ts)
		}
	}
	eventually(t, "the count of deliveries", func() bool { return r.srv.m.deliveries.Get() == 9*10*3 })
	var text strings.Builder
	r.set.WritePrometheus(&text)
	for _, want := range []string{
		"processor_live_deliveries_total 270", "processor_live_connections 9", "processor_live_subscriptions 18",
		"processor_live_written_bytes_total", "processor_live_writes_total", "processor_live_delivery_latency_seconds_bucket{le=\"+Inf\"}",
		"processor_live_write_latency_seconds_bucket{le=\"+Inf\"}",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("got metrics without %q:\n%s", want, text.String())
		}
	}
}

// The time that chunks wait for a full socket is part of the measured time from the
// flush to the write.
func TestWaitForTheSocketIsMeasured(t *testing.T) {
	t.Parallel()
	const wait = 5 * time.Second
	clock := newJumpingClock()
	f, w, s := startSlow(t, encodings[0], raceRoster(), withMaxAge(time.Hour), clock.use)
	f.queueBeyondSockets(s)
	waits := &f.r.srv.m.waits
	before := waits.above(wait)
	clock.jump(2 * wait)
	f.awaitCaughtUp(w)
	eventually(t, "the wait in the histogram", func() bool { return waits.above(wait) > before })
}

// above is how many observations are in buckets that begin at d or above.
func (h *histogram) above(d time.Duration) (n uint64) {
	for i := range h.counts {
		if i > 0 && bounds[i-1] >= d {
			n += h.counts[i].Load()
		}
	}
	return n
}
