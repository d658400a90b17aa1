package live

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// One write per connection, topic and window: positions of all shards that come
// within a window go out together. A machine that stalls a writer or a shard
// beyond the gathering time splits a window now and then; half of them would
// mean that nothing is gathered.
func TestOneWritePerWindow(t *testing.T) {
	const window, windows, clients = 100 * time.Millisecond, 15, 20
	devices := names(30)
	r := start(t, map[string][]string{"e": devices}, func(su *setup) { su.shard.Window = window })
	var all []*spectator
	for range clients {
		s := r.spectator("")
		s.subscribe("e")
		all = append(all, s)
	}
	r.publish(devices...)
	testenv.Eventually(t, patience, "the first", func() bool { return all[0].shows(r, "e", devices) })
	// A writer counts what it has written at the end of a pass, which clients may
	// have read before.
	counted := func() bool {
		return !slices.ContainsFunc(r.srv.passes, func(p *passTimer) bool { return p.since.Load() != 0 })
	}
	measure := func() (per float64) {
		testenv.Eventually(t, patience, "the writers to count what was before", counted)
		begin, writes, flushes := time.Now(), r.srv.m.writes.Get(), r.core.Stats().Flushes
		pace := time.NewTicker(window / 20)
		defer pace.Stop()
		for ; time.Since(begin) < windows*window; <-pace.C {
			r.publish(devices...)
		}
		last := r.publish(devices...)
		for _, s := range all {
			s.sees("e", devices[len(devices)-1], last)
		}
		testenv.Eventually(t, patience, "the writers to count the last", counted)
		writes, flushes = r.srv.m.writes.Get()-writes, r.core.Stats().Flushes-flushes
		if most := uint64(float64(r.core.Shards()) * (float64(time.Since(begin)/window) + 2)); flushes > most {
			t.Errorf("%d flushes in %v, want at most %d", flushes, time.Since(begin), most)
		}
		per = float64(writes) / float64(clients) / (float64(flushes) / float64(r.core.Shards()))
		t.Logf("%d writes, %d flushes of %d shards: %.3f writes per connection and window", writes, flushes, r.core.Shards(), per)
		if per > 1.5 {
			t.Fatalf("%.3f writes per connection and window, want about 1", per)
		}
		return per
	}
	// A writer that the machine keeps waiting writes two windows at once, so only one
	// measurement of several has to be near 1 from below.
	for tries := 1; measure() < 0.9; tries++ {
		if tries == 10 {
			t.Fatal("never about one write per connection and window")
		}
	}
}

// Frames of every size come whole through sockets that take little at a time,
// 64-bit lengths among them.
func TestPartialWrites(t *testing.T) {
	for _, shape := range shapesOf {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			devices := names(1500)
			r := start(t, map[string][]string{"e": devices}, tight, func(su *setup) { su.shard.RingBytes = 8 << 20 })
			r.publishWith(padding, devices...)
			w := r.slow(shape.query)
			w.subscribe("e")
			if !w.screen.shows(r, "e", devices) {
				t.Error("the snapshot does not show the last values")
			}
			for range 3 {
				r.publishWith(padding, devices...)
			}
			w.send(text(`{"type":"ping","id":"between"}`))
			w.until(`"pong","id":"between"`)
			w.readUntil("the newest", func() bool {
				live, conflated := w.screen.count("e")
				return live+conflated == 3*len(devices)
			})
			if !w.screen.shows(r, "e", devices) {
				t.Error("the newest values are not on the screen")
			}
		})
	}
}

// A window of nothing sends at once, and still whole.
func TestNoWindow(t *testing.T) {
	t.Parallel()
	devices := names(10)
	r := start(t, map[string][]string{"e": devices}, func(su *setup) { su.shard.Window = 0 })
	f := r.flowOf("e", "", devices)
	for range 200 {
		f.step()
	}
	f.whole()
}

// One position reaches every connection, whichever writer has it, with the
// metrics that scripts rely on.
func TestDeliveriesAreCounted(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a", "b"}, "f": {"b"}})
	var all []*spectator
	for range 9 {
		s := r.spectator("")
		s.subscribe("e")
		s.subscribe("f")
		all = append(all, s)
	}
	for range 10 {
		ts := r.publish("a", "b")
		for _, s := range all {
			s.sees("e", "b", ts)
			s.sees("f", "b", ts)
		}
	}
	testenv.Eventually(t, patience, "the count of deliveries", func() bool { return r.srv.m.deliveries.Get() == 9*10*3 })
	var text strings.Builder
	r.set.WritePrometheus(&text)
	for _, want := range []string{
		"processor_live_deliveries_total 270", "processor_live_connections 9", "processor_live_subscriptions 18",
		"processor_live_written_bytes_total", "processor_live_writes_total", "processor_live_delivery_latency_seconds_bucket{le=\"+Inf\"}",
		"processor_live_write_latency_seconds_bucket{le=\"+Inf\"}",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not among the metrics:\n%s", want, text.String())
		}
	}
}

// What waited for a socket that was full is seen in the time from the flush to
// the write.
func TestWaitForTheSocketIsMeasured(t *testing.T) {
	t.Parallel()
	const wait = 250 * time.Millisecond
	devices := names(20)
	r := start(t, map[string][]string{"e": devices}, aged(time.Hour))
	f := r.flowOf("e", "", devices)
	w := r.slow("")
	w.subscribe("e")
	s := r.newest()
	for queued := 0; queued <= 2*tightRing; _, queued = s.conn.Queued() { // more than the sockets take
		f.step()
	}
	last, waited := r.core.Now(), r.srv.m.waits.beyond(wait)
	testenv.Eventually(t, patience, "all of it to have waited", func() bool { return r.core.Now()-last > int64(wait) })
	f.level(w)
	testenv.Eventually(t, patience, "the wait among the metrics", func() bool { return r.srv.m.waits.beyond(wait) > waited })
}

// beyond is how many observations are in buckets that begin at d or above.
func (h *histogram) beyond(d time.Duration) (n uint64) {
	for i := range h.counts {
		if i > 0 && bounds[i-1] >= d {
			n += h.counts[i].Load()
		}
	}
	return n
}
