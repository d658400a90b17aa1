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

// Readers and the owner add to plain variables in their turns, so that the race detector
// finds two turns at the same time. Every piece of work is done once, in a reader's turn or
// after a notification.
func TestTurnsAreExclusive(t *testing.T) {
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
		t.Fatalf("%d of %d pieces of work are done", counted.Load(), readers*each)
	}
	close(done)
	owner.Wait()
	if want := readers * each * (each - 1) / 2; sum != want {
		t.Errorf("the sum is %d, want %d", sum, want)
	}
	t.Logf("%d of %d pieces in turns of readers", acquired, readers*each)
}

// The owner does not end while a reader has the turn. After its end nobody can acquire the
// turn.
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
		t.Errorf("after the end awaitTurn returned %v, or the turn can be acquired", on)
	}
}

// A small batch for an idle shard is applied in a reader's turn, a larger one by the shard's
// own goroutine. All batches are applied in their order.
func TestSmallBatchesAreAppliedByTheirReader(t *testing.T) {
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
		t.Error("no small batch was applied by its reader")
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
		t.Errorf("%d late records and %d duplicates: batches were applied out of order", s.Late, s.Duplicates)
	}
}

// tryTurn applies b in a turn of the caller's goroutine, as Deliver does with a small batch.
// It returns false if the shard is busy; b is then not applied.
func (w *worker) tryTurn(ctx context.Context, b *Batch) bool {
	if !w.tryAcquireIdle() {
		return false
	}
	pprof.SetGoroutineLabels(w.labels)
	w.turns.release(!w.sleeps(w.turn(b)))
	pprof.SetGoroutineLabels(ctx)
	return true
}

// BenchmarkDeliver delivers one position to each of two idle shards about every millisecond:
// in turns of the reader ("turn"), and through the inboxes to the shards' own goroutines
// ("inbox"). What counts is the CPU time of all threads beyond that of the ticker alone
// ("tick").
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
