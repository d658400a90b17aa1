package shard

import (
	"sync/atomic"

	"pitwall/shard/internal/step"
)

// turnOwnership is the right to run a turn of a shard, and so to touch its state. The
// shard's own goroutine, the shard for short, has it while it is at work. While the
// shard sleeps, a reader that brings few positions takes the right for one turn instead
// of waking the shard. Waking a goroutine costs more than such a turn, because the
// runtime wakes a thread as well, which looks for work on all processors.
//
// # States
//
//	free -> held        tryAcquire by a reader, or request by the shard
//	held -> free        release by a reader, or giveUp by the shard
//	held -> requested   request by the shard while a reader has it
//	requested -> free   release by that reader, which then notifies the shard
//
// A reader never waits: if it does not get the turn, it leaves what it brings in
// the shard's inboxes and notifies the shard. Only the shard waits.
//
// # Memory ordering
//
// The swap in release and the store in giveUp publish everything that was done to
// the shard's state; the compare-and-swap that takes the turn acquires it.
//
// No notification is lost. It is put into wake, which holds one, after the work that
// it is about. The shard takes it out before it requests the turn, and looks at
// everything once it has the turn. If a reader has the turn at that moment, the request
// is a mark in the same word that the reader swaps: either the reader sees the mark and
// notifies the shard again, or the shard finds the word free. If the mark were in a
// second word, the reader could look for it too early, and the shard could ask for the
// turn too early. Then both would sleep.
type turnOwnership struct {
	state atomic.Int32
	wake  chan struct{}
}

const (
	turnHeld      int32 = iota // the zero value: the shard begins with the turn
	turnFree                   // the shard sleeps
	turnRequested              // a reader has the turn, and the shard has asked for it
)

func newTurnOwnership() turnOwnership { return turnOwnership{wake: make(chan struct{}, 1)} }

// notifyShard has the shard take a turn soon. Any goroutine may call it.
func (t *turnOwnership) notifyShard() {
	step.Point()
	select {
	case t.wake <- struct{}{}:
	default: // the notification that is there has not been taken out: it serves for both
	}
}

// tryAcquire takes the turn if nobody has it. Any goroutine but the shard may try;
// after true it must call release.
func (t *turnOwnership) tryAcquire() bool {
	step.Point()
	return t.state.CompareAndSwap(turnFree, turnHeld)
}

// release ends the turn of a reader. more says that something is left to do now.
func (t *turnOwnership) release(more bool) {
	step.Point()
	if t.state.Swap(turnFree) == turnRequested || more {
		t.notifyShard()
	}
}

// awaitTurn gives the turn up until the shard is notified or done is closed. The shard
// has the turn again in both cases; on is false if done is closed.
func (t *turnOwnership) awaitTurn(done <-chan struct{}) (on bool) {
	t.giveUp()
	for on = true; ; {
		if on {
			select {
			case <-t.wake:
			case <-done:
				on = false
			}
		} else {
			<-t.wake // from the reader that has the turn
		}
		if t.request() {
			return on
		}
	}
}

// giveUp makes the turn free. A store is enough: the shard has the turn, and nobody
// else ever requests it.
func (t *turnOwnership) giveUp() {
	step.Point()
	t.state.Store(turnFree)
}

// request takes the turn for the shard, or has the reader that holds it notify the
// shard on release. It repeats only if a reader took or released the turn between two
// of its steps.
func (t *turnOwnership) request() bool {
	for {
		step.Point()
		if t.state.CompareAndSwap(turnFree, turnHeld) {
			return true
		}
		step.Point()
		if t.state.CompareAndSwap(turnHeld, turnRequested) {
			return false
		}
		step.Point()
		if t.state.Load() == turnRequested {
			return false
		}
	}
}
