package shard

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pitwall/codec"
)

// TestBatonOneAtATime has visitors and the baton's owner count in a plain
// variable, under the race detector a proof of what they publish to each
// other: every piece of work is done once, by a visitor or after a call.
func TestBatonOneAtATime(t *testing.T) {
	const visitors, each = 4, 2000
	b := newBaton()
	work := make(chan int, visitors*each)
	var sum, visits int // whoever has the baton
	var counted atomic.Int64
	turn := func() {
		for {
			select {
			case n := <-work:
				sum += n
				counted.Add(1)
			default:
				return
			}
		}
	}
	done := make(chan struct{})
	var owner, all sync.WaitGroup
	owner.Go(func() {
		for on := true; on; {
			turn()
			on = b.rest(done)
		}
	})
	for range visitors {
		all.Go(func() {
			for n := range each {
				if b.visit() {
					visits++
					sum += n
					counted.Add(1)
					b.leave(len(work) > 0)
				} else {
					work <- n
					b.call()
				}
				if n%64 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	all.Wait()
	if !eventually(func() bool { return counted.Load() == visitors*each }) {
		t.Fatalf("%d of %d pieces done", counted.Load(), visitors*each)
	}
	close(done)
	owner.Wait()
	if want := visitors * each * (each - 1) / 2; sum != want {
		t.Errorf("the sum is %d, want %d", sum, want)
	}
	t.Logf("%d of %d pieces on visits", visits, visitors*each)
}

// TestBatonEndsBehindAVisit: the owner does not end while a visitor has the
// baton, and nobody gets it afterwards.
func TestBatonEndsBehindAVisit(t *testing.T) {
	b, done, ended := newBaton(), make(chan struct{}), make(chan bool)
	go func() { ended <- b.rest(done) }()
	if !eventually(b.visit) {
		t.Fatal("the baton is not given away")
	}
	close(done)
	if !eventually(func() bool { return b.state.Load() == batonWanted }) {
		t.Fatal("the owner does not ask for the baton at its end")
	}
	select {
	case <-ended:
		t.Error("the owner has ended beside a visitor")
	default:
	}
	b.leave(false)
	if on := <-ended; on || b.visit() {
		t.Errorf("after the end: rest says %v, and the baton can be had", on)
	}
}

// TestSmallBatchesAreVisits: a shard at rest is turned by who brings a little;
// more goes to its own goroutine. What is brought comes in the order of
// bringing either way.
func TestSmallBatchesAreVisits(t *testing.T) {
	core, ctx := running(t, Config{Shards: 1, Window: time.Hour, FutureTolerance: time.Hour}, Pair{"d", "e"})
	w, ts := core.workers[0], int64(base)
	fill := func(n int) *Batch {
		b := core.AcquireBatch()
		for range n {
			ts++
			b.Positions = append(b.Positions, codec.Position{DeviceID: "d", TS: ts, Arrival: ts})
		}
		return b
	}
	visits := 0
	for n := range 500 {
		if b := fill(1); w.visit(ctx, b) {
			visits++
		} else if err := core.Deliver(ctx, 0, b); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{fewPositions, fewPositions + 1 + n%40} {
			if err := core.Deliver(ctx, 0, fill(n)); err != nil {
				t.Fatal(err)
			}
		}
		if n%20 == 0 {
			eventually(func() bool { return w.baton.state.Load() == batonFree })
		}
	}
	if visits == 0 {
		t.Error("no small batch was a visit")
	}
	at := func() (mark int64) {
		if !w.baton.visit() {
			return 0
		}
		defer w.baton.leave(len(w.batches) > 0)
		return w.devices["d"].shown.mark
	}
	if !eventually(func() bool { return at() == ts }) {
		t.Errorf("the device is at %d, want %d", at(), ts)
	}
	if s := core.Stats(); s.Late > 0 || s.Duplicates > 0 {
		t.Errorf("%d late and %d twice: out of order", s.Late, s.Duplicates)
	}
}

// BenchmarkDeliver brings each of two shards at rest one position, at every tick
// of about a millisecond: on visits, and through the inboxes to the shards' own
// goroutines. What counts is the processor time of it all, threads that are
// woken included, and more than of the tick alone.
func BenchmarkDeliver(b *testing.B) {
	for _, of := range []string{"visit", "inbox", "tick"} {
		b.Run(of, func(b *testing.B) { benchDeliver(b, of) })
	}
}

func benchDeliver(b *testing.B, how string) {
	core, ctx := running(b, Config{Shards: 2, Window: time.Hour, FutureTolerance: time.Hour})
	ts, visits := int64(base), 0
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	used := cpuTime(wholeProcess)
	for b.Loop() {
		<-pace.C
		for _, w := range core.workers {
			if how == "tick" {
				break
			}
			batch := core.AcquireBatch()
			ts++
			batch.Positions = append(batch.Positions, codec.Position{DeviceID: "d", TS: ts, Arrival: ts})
			if how == "visit" && w.visit(ctx, batch) {
				visits++
				continue
			}
			w.batches <- batch
			w.baton.call()
		}
	}
	b.ReportMetric(float64(cpuTime(wholeProcess)-used)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(visits)/float64(b.N), "visits/op")
}
