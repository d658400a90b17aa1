package shard

import (
	"sync/atomic"

	"pitwall/shard/internal/step"
)

// turnOwnership is the right to turn a shard. Whoever has it may touch the shard's
// state. The shard's own goroutine, the owner, has it while there is more to do
// than fits a turn. While the owner sleeps, a reader that brings few positions
// acquires it for one turn instead of waking the owner: waking a goroutine costs
// more than such a turn takes, because the runtime wakes a thread as well, and that
// thread looks for work on all processors.
//
// # States
//
//	free -> held        tryAcquire by a reader, or request by the owner
//	held -> free        release by a reader, or giveUp by the owner
//	held -> requested   request by the owner while a reader has it
//	requested -> free   release by that reader, which then notifies the owner
//
// A reader never waits: if it does not get the turn, it leaves what it brings in
// the shard's inboxes and notifies the owner. Only the owner waits.
//
// # Memory ordering
//
// The swap in release and the store in giveUp publish everything that was done to
// the shard; the compare-and-swap that takes the turn acquires it.
//
// No notification is lost. It stays in wake, which holds one, and is put there
// after the work that it is about. The owner takes it out before it requests the
// turn, and looks at everything once it has the turn. If a reader has the turn at
// that moment, the request is a mark in the same word that the reader swaps: either
// the reader sees the mark and notifies the owner again, or the owner finds the
// word free. With the mark in a second word, the reader could look before it is set
// and the owner before the turn is free, and both would sleep.
type turnOwnership struct {
	state atomic.Int32
	wake  chan struct{}
}

const (
	turnHeld      int32 = iota // the zero value: the owner begins with the turn
	turnFree                   // the owner sleeps
	turnRequested              // a reader has the turn, and the owner has asked for it
)

func newTurnOwnership() turnOwnership { return turnOwnership{wake: make(chan struct{}, 1)} }

// notifyOwner has the owner take a turn soon. Any goroutine may call it.
func (t *turnOwnership) notifyOwner() {
	step.Point()
	select {
	case t.wake <- struct{}{}:
	default: // the notification that is there has not been taken out: it serves for both
	}
}

// tryAcquire takes the turn if nobody has it. Any goroutine but the owner may try;
// after true it must call release.
func (t *turnOwnership) tryAcquire() bool {
	step.Point()
	return t.state.CompareAndSwap(turnFree, turnHeld)
}

// release ends the turn of a reader. more says that something is left to do now.
func (t *turnOwnership) release(more bool) {
	step.Point()
	if t.state.Swap(turnFree) == turnRequested || more {
		t.notifyOwner()
	}
}

// awaitTurn gives the turn up until the owner is notified, or done is closed, which
// makes on false. The owner has the turn again in both cases.
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

// giveUp makes the turn free. A plain store is enough: the owner has the turn, and
// nobody but the owner ever requests it.
func (t *turnOwnership) giveUp() {
	step.Point()
	t.state.Store(turnFree)
}

// request takes the turn for the owner, or has the reader that holds it notify the
// owner on release. It repeats only when a reader took or released the turn
// between two of its steps.
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
