//go:build !race

package shard

import (
	"runtime"
	"testing"
	"time"

	"pitwall/codec"
)

// The race detector allocates, so these tests run without it.

func TestFanOutAllocatesNothing(t *testing.T) {
	for _, batch := range []bool{false, true} {
		r, clients, positions := oneEvent(t, 200, 50, batch)
		for range 10 {
			cycle(r, clients, positions)
		}
		if n := testing.AllocsPerRun(100, func() { cycle(r, clients, positions) }); n != 0 {
			t.Errorf("batch %v: %v allocations for 200 positions to 50 connections, want 0", batch, n)
		}
	}
}

// Chunks that are compressed at the seal reuse memory. The event has subscribers of all
// three encodings.
func TestCompressedFanOutAllocatesNothing(t *testing.T) {
	r, clients, positions := oneEvent(t, 200, 50, true)
	for i, c := range clients[:40] {
		c = r.client(i%2 == 0)
		c.conn.AcceptDeflate()
		c.subscribe("e", 0)
		clients = append(clients, c)
	}
	r.settle()
	for range 10 {
		cycle(r, clients, positions)
	}
	before := r.core.Stats().Deflated
	if n := testing.AllocsPerRun(100, func() { cycle(r, clients, positions) }); n != 0 {
		t.Errorf("%v allocations for 200 positions to 90 connections, want 0", n)
	}
	if n := r.core.Stats().Deflated - before; n != 101 {
		t.Errorf("%d chunks compressed in 101 flushes to 20 connections that agreed, want one each", n)
	}
}

// Many connections that lag again and again do not cause garbage: the frames of
// recoveries, with their own heads and shared bodies, reuse memory.
func TestRecoveryAllocatesNothing(t *testing.T) {
	for _, deflate := range []bool{false, true} {
		r, clients, positions := oneEvent(t, 50, 0, true)
		for range 20 {
			c := r.client(true)
			if deflate {
				c.conn.AcceptDeflate()
			}
			c.subscribe("e", 0)
			clients = append(clients, c)
		}
		r.settle()
		lost := lostBy(clients)
		window := func() {
			cycle(r, clients, positions)
			recoverAll(r, clients, lost)
			for _, c := range clients {
				c.drain()
			}
		}
		for range 10 {
			window()
		}
		before := r.core.Stats()
		if n := testing.AllocsPerRun(100, window); n != 0 {
			t.Errorf("compressed %v: %v allocations for a window with %d recoveries, want 0", deflate, n, len(clients))
		}
		after := r.core.Stats()
		if n := after.Recoveries - before.Recoveries; n != uint64(101*len(clients)) {
			t.Errorf("compressed %v: %d recoveries in 101 windows of %d", deflate, n, len(clients))
		}
		if n := after.Built - before.Built; n != 101 {
			t.Errorf("compressed %v: %d states encoded in 101 windows, want one each", deflate, n)
		}
	}
}

// A reader's turn at an idle shard does not allocate, like a turn of the shard itself.
func TestReadersTurnAllocatesNothing(t *testing.T) {
	core, ctx := running(t, Config{Shards: 1, Window: time.Hour, FutureTolerance: time.Hour})
	batch, ts := new(Batch), int64(base)
	bring := func() {
		ts++
		batch.Positions = append(batch.Positions[:0], codec.Position{DeviceID: "d", TS: ts, Arrival: ts})
		for !core.workers[0].tryTurn(ctx, batch) {
			runtime.Gosched()
		}
	}
	for range 10 {
		bring()
	}
	if n := testing.AllocsPerRun(100, bring); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// A topic without subscribers costs the last values of its devices and nothing else:
// nothing is pending, no flush is due, nothing is sealed.
func TestUnwatchedTopicCostsLastValuesOnly(t *testing.T) {
	r, _, positions := oneEvent(t, 200, 0, false)
	cycle(r, nil, positions)
	if n := testing.AllocsPerRun(100, func() { cycle(r, nil, positions) }); n != 0 {
		t.Errorf("%v allocations for 200 positions that nobody watches, want 0", n)
	}
	w := r.core.workers[0]
	for _, d := range w.devices {
		if p := d.memberships[0].shard; p.deadline.pos >= 0 || p.pending != [uncompressedEncodings]pending{} || p.topic.schedule.next.Load() != 0 {
			t.Fatalf("device %s: the topic has a deadline at %d, pending %+v, a flush at %d; want none", d.id, p.deadline.pos, p.pending, p.topic.schedule.next.Load())
		}
		if d.shown.mark != positions[0].TS {
			t.Errorf("device %s: the last value is of %d, want %d", d.id, d.shown.mark, positions[0].TS)
		}
	}
	if s := r.core.Stats(); s.Flushes != 0 || s.Chunks != 0 || s.Built != 0 {
		t.Errorf("%d flushes, %d chunks, %d bodies without subscribers", s.Flushes, s.Chunks, s.Built)
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	r, _, positions := oneEvent(t, 100, 0, false)
	s := r.core.Snapshot()
	if n := testing.AllocsPerRun(100, func() {
		for i := range positions {
			if len(s.Topics(positions[i].DeviceID)) != 1 {
				t.Fatal("a device without its topic")
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// Deadlines are set and stopped for each flush of a topic.
func TestTimerHeapAllocatesNothing(t *testing.T) {
	var h timerHeap
	all := make([]deadline, 100)
	setAndStop := func() {
		for i := range all {
			h.set(&all[i], int64(i*37%101))
		}
		for i := range all {
			h.set(&all[i], int64(i))
		}
		for i := range all {
			h.stop(&all[i])
		}
	}
	for i := range all {
		all[i].pos = -1
	}
	setAndStop() // the slice grows
	if n := testing.AllocsPerRun(100, setAndStop); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
