package shard

import (
	"testing"
	"testing/synctest"
	"time"
)

// fired reports whether there is a wake-up, and takes it.
func fired(wake <-chan struct{}) bool {
	select {
	case <-wake:
		return true
	default:
		return false
	}
}

// A timer that was set to never fires if it is set to its earlier time again.
func TestWakeTimerFiresAfterNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, wake := time.Now(), make(chan struct{}, 1)
		now := func() int64 { return int64(time.Since(start)) + 1 }
		b := newWakeTimer(func() { wake <- struct{}{} })
		defer b.stop()
		due := now() + int64(time.Second)
		b.set(due, now())
		b.set(never, now())
		b.set(due, now())
		<-time.After(2 * time.Second)
		synctest.Wait()
		if !fired(wake) {
			t.Error("the timer did not fire")
		}
	})
}

// The shard's own goroutine is notified if a reader's turn leaves something to do, or if the
// owner has requested the turn meanwhile, and not otherwise.
func TestReleaseNotifiesTheOwner(t *testing.T) {
	for _, tt := range []struct {
		name                      string
		more, requested, notified bool
	}{
		{"nothing is left", false, false, false},
		{"something is left", true, false, true},
		{"the owner has requested the turn", false, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			turns := newTurnOwnership()
			turns.giveUp()
			if !turns.tryAcquire() {
				t.Fatal("a free turn cannot be acquired")
			}
			if turns.tryAcquire() {
				t.Fatal("the turn was acquired twice")
			}
			if tt.requested && turns.request() {
				t.Fatal("the owner took the turn from a reader")
			}
			turns.release(tt.more)
			want(t, "notified", fired(turns.wake), tt.notified)
			if !turns.request() {
				t.Error("the owner does not get the turn after the release")
			}
		})
	}
}

// A shard whose watermark advances wakes a writer that awaits a flush, and no other.
func TestOnlyAWriterThatAwaitsAFlushIsWoken(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": {"a"}})
	r.client(false).subscribe("e", 0)
	r.settle()
	q := r.core.Queue(0)
	for _, awaits := range []bool{false, true} {
		r.pass(r.core.Window())
		r.send("a", base+r.now)
		r.turn(0) // sealed: the watermark is at this time
		r.send("a", base+r.now+1)
		r.turn(0) // the next seal is due in a window
		r.pass(r.core.Window())
		takeAll(q)
		fired(q.Wakeups())
		q.AwaitFlush(awaits)
		before := r.core.workers[0].watermark.Load()
		r.core.workers[0].advance(before + int64(r.core.Window()))
		if !r.core.FlushedThrough(before + 1) {
			t.Fatal("the watermark has not advanced: this test shows nothing")
		}
		want(t, "woken", fired(q.Wakeups()), awaits)
		q.AwaitFlush(false)
		r.settle()
	}
}

// Chains come from several shards in any order of their flushes.
func TestNewestFlushIsTheLatestOfAllChains(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	q := r.core.Queue(0)
	for _, flush := range []int64{7, 9, 8, 0} {
		var one chain
		one.add(r.client(false).conn)
		q.splice(&one, flush)
	}
	want(t, "flush", q.NewestFlush(), int64(9))
}

// With a limit of zero, every connection goes to the bulk list.
func TestZeroLimitDisablesTheSmallList(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	q := r.core.Queue(0)
	for limit, inSmall := range []bool{false, true} {
		r.client(false).conn.Schedule()
		var small, bulk ConnList
		q.TakeInto(&small, &bulk, limit)
		want(t, "in the small list", !small.Empty(), inSmall)
		want(t, "in the bulk list", !bulk.Empty(), !inSmall)
	}
}
