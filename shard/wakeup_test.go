package shard

import (
	"testing"
	"testing/synctest"
	"time"
)

// fired reports whether a wake-up waits, and takes it.
func fired(wake <-chan struct{}) bool {
	select {
	case <-wake:
		return true
	default:
		return false
	}
}

// TestWakeTimerIsSetAgainAfterNever: a timer that was set to never fires when it is
// set to the moment that it had before.
func TestWakeTimerIsSetAgainAfterNever(t *testing.T) {
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
			t.Error("a moment that was set, cleared and set again did not fire")
		}
	})
}

// TestReleaseNotifiesTheOwner: the shard's own goroutine is notified when a reader's
// turn leaves something to do, or when the owner requested the turn meanwhile, and
// not otherwise.
func TestReleaseNotifiesTheOwner(t *testing.T) {
	for _, tt := range []struct {
		name                      string
		more, requested, notified bool
	}{
		{"nothing is left", false, false, false},
		{"something is left", true, false, true},
		{"the owner asked", false, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			turns := newTurnOwnership()
			turns.giveUp()
			if !turns.tryAcquire() {
				t.Fatal("a free turn was not given")
			}
			if turns.tryAcquire() {
				t.Fatal("the turn was given twice")
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

// TestWriterThatGathersIsWoken: a shard that has come further wakes a writer
// that waits for it, and no other.
func TestWriterThatGathersIsWoken(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	r.roster(map[string][]string{"e": {"a"}})
	r.client(false).subscribe("e", 0)
	r.settle()
	q := r.core.Queue(0)
	for _, gathers := range []bool{false, true} {
		r.pass(r.core.Window())
		r.send("a", base+r.now)
		r.turn(0) // sealed: the shard has passed this moment only
		r.send("a", base+r.now+1)
		r.turn(0) // the next seal is due in a window
		r.pass(r.core.Window())
		takeAll(q)
		fired(q.Wakeups())
		q.AwaitFlush(gathers)
		passed := r.core.workers[0].watermark.Load()
		r.core.workers[0].advance(passed + int64(r.core.Window()))
		if !r.core.FlushedThrough(passed + 1) {
			t.Fatal("the shard has not come further: nothing is shown by this")
		}
		want(t, "woken", fired(q.Wakeups()), gathers)
		q.AwaitFlush(false)
		r.settle()
	}
}

// TestQueueKeepsTheNewestFlush: chains come from several shards in any order.
func TestQueueKeepsTheNewestFlush(t *testing.T) {
	r := newRig(t, Config{Shards: 1})
	q := r.core.Queue(0)
	for _, instant := range []int64{7, 9, 8, 0} {
		var one chain
		one.add(r.client(false).conn)
		q.splice(&one, instant)
	}
	want(t, "flush", q.NewestFlush(), int64(9))
}

// TestSmallListCanBeOff: a limit of zero sends every connection to the bulk list.
func TestSmallListCanBeOff(t *testing.T) {
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
