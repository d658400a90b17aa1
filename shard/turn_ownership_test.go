package shard

import (
	"context"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pitwall/codec"
)

// TestTurnsOneAtATime has readers and the owner count in a plain variable. Under the
// race detector that shows what they publish to each other. Every piece of work is
// done once, in a reader's turn or after a notification.
func TestTurnsOneAtATime(t *testing.T) {
	const readers, each = 4, 2000
	b := newTurnOwnership()
	work := make(chan int, readers*each)
	var sum, acquired int // guarded by the turn
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
			on = b.awaitTurn(done)
		}
	})
	for range readers {
		all.Go(func() {
			for n := range each {
				if b.tryAcquire() {
					acquired++
					sum += n
					counted.Add(1)
					b.release(len(work) > 0)
				} else {
					work <- n
					b.notifyShard()
				}
				if n%64 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	all.Wait()
	if !eventually(func() bool { return counted.Load() == readers*each }) {
		t.Fatalf("%d of %d pieces done", counted.Load(), readers*each)
	}
	close(done)
	owner.Wait()
	if want := readers * each * (each - 1) / 2; sum != want {
		t.Errorf("the sum is %d, want %d", sum, want)
	}
	t.Logf("%d of %d pieces in turns of readers", acquired, readers*each)
}

// TestOwnerEndsAfterAReadersTurn: the owner does not end while a reader has the turn,
// and nobody gets it afterwards.
func TestOwnerEndsAfterAReadersTurn(t *testing.T) {
	b, done, ended := newTurnOwnership(), make(chan struct{}), make(chan bool)
	go func() { ended <- b.awaitTurn(done) }()
	if !eventually(b.tryAcquire) {
		t.Fatal("the turn is not given up")
	}
	close(done)
	if !eventually(func() bool { return b.state.Load() == turnRequested }) {
		t.Fatal("the owner does not request the turn at its end")
	}
	select {
	case <-ended:
		t.Error("the owner has ended while a reader had the turn")
	default:
	}
	b.release(false)
	if on := <-ended; on || b.tryAcquire() {
		t.Errorf("after the end: awaitTurn says %v, and the turn can be acquired", on)
	}
}

// TestSmallBatchesAreReadersTurns: a small batch for an idle shard is taken in by the
// reader itself; a larger one goes to the shard's own goroutine. Either way batches are
// taken in in their order.
func TestSmallBatchesAreReadersTurns(t *testing.T) {
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
	acquired := 0
	for n := range 500 {
		if b := fill(1); w.tryTurn(ctx, b) {
			acquired++
		} else if err := core.Deliver(ctx, 0, b); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{fewPositions, fewPositions + 1 + n%40} {
			if err := core.Deliver(ctx, 0, fill(n)); err != nil {
				t.Fatal(err)
			}
		}
		if n%20 == 0 {
			eventually(func() bool { return w.turns.state.Load() == turnFree })
		}
	}
	if acquired == 0 {
		t.Error("no small batch was taken in by its reader")
	}
	at := func() (mark int64) {
		if !w.turns.tryAcquire() {
			return 0
		}
		defer w.turns.release(len(w.batches) > 0)
		return w.devices["d"].shown.mark
	}
	if !eventually(func() bool { return at() == ts }) {
		t.Errorf("the device is at %d, want %d", at(), ts)
	}
	if s := core.Stats(); s.Late > 0 || s.Duplicates > 0 {
		t.Errorf("%d late and %d twice: out of order", s.Late, s.Duplicates)
	}
}

// tryTurn runs a turn with b on the caller's goroutine, as Deliver does for a small
// batch. False: the shard is busy, and b is not taken in.
func (w *worker) tryTurn(ctx context.Context, b *Batch) bool {
	if !w.tryAcquireIdle() {
		return false
	}
	pprof.SetGoroutineLabels(w.labels)
	w.turns.release(!w.sleeps(w.turn(b)))
	pprof.SetGoroutineLabels(ctx)
	return true
}

// BenchmarkDeliver brings each of two shards at rest one position, at every tick
// of about a millisecond: in turns of the reader, and through the inboxes to the
// shards' own goroutines. What counts is the processor time of all threads, those that
// are woken included, beyond that of the tick alone.
func BenchmarkDeliver(b *testing.B) {
	for _, of := range []string{"turn", "inbox", "tick"} {
		b.Run(of, func(b *testing.B) { benchDeliver(b, of) })
	}
}

func benchDeliver(b *testing.B, how string) {
	core, ctx := running(b, Config{Shards: 2, Window: time.Hour, FutureTolerance: time.Hour})
	ts, acquired := int64(base), 0
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
			if how == "turn" && w.tryTurn(ctx, batch) {
				acquired++
				continue
			}
			w.batches <- batch
			w.turns.notifyShard()
		}
	}
	b.ReportMetric(float64(cpuTime(wholeProcess)-used)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(acquired)/float64(b.N), "turns/op")
}
