package shard

import (
	"sync/atomic"

	"pitwall/shard/internal/step"
)

// baton is the right to turn a shard. Whoever has it is the shard's goroutine
// for as long: the shard's own one while there is more to do than fits a turn,
// and, when that rests, a reader who brings few positions and would else only
// wake it. Waking a goroutine that sleeps costs more than such a turn takes, for
// the runtime wakes a thread as well, and that looks for work on all processors.
//
// A visitor never waits: who does not get the baton leaves what he brings in
// the shard's inboxes and calls. Only the shard's own goroutine waits for it.
//
// Memory ordering: the swap in leave and the store in free publish everything
// that was done to the shard, and the compare-and-swap that takes the baton
// acquires it. No call is lost: it is left in wake, which holds one, by those
// who brought something before; the shard's own goroutine takes it out before
// it asks for the baton, and with the baton looks at everything. When a
// visitor has that, it is marked as wanted in the same word, so either the
// visitor sees the mark and calls, or the mark finds the baton free.
type baton struct {
	state atomic.Int32
	wake  chan struct{}
}

const (
	batonHeld   int32 = iota // at first by the shard's own goroutine
	batonFree                // that one rests
	batonWanted              // held by a visitor, and asked for meanwhile
)

func newBaton() baton { return baton{wake: make(chan struct{}, 1)} }

// call has the shard's own goroutine take a turn soon. Anybody may call.
func (b *baton) call() {
	step.Point()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// visit takes the baton if nobody has it. Any goroutine but the shard's own may
// try; after true it has to leave.
func (b *baton) visit() bool {
	step.Point()
	return b.state.CompareAndSwap(batonFree, batonHeld)
}

// leave ends a visit; more says that something is left to do now.
func (b *baton) leave(more bool) {
	step.Point()
	if b.state.Swap(batonFree) == batonWanted || more {
		b.call()
	}
}

// rest gives the baton away until somebody calls or done is closed, which makes
// on false. The shard's own goroutine has it again in both cases.
func (b *baton) rest(done <-chan struct{}) (on bool) {
	b.free()
	for on = true; ; {
		if on {
			select {
			case <-b.wake:
			case <-done:
				on = false
			}
		} else {
			<-b.wake // of the visitor who has it
		}
		if b.want() {
			return on
		}
	}
}

// free gives the baton away. Nobody can have asked for it: only the caller, the
// shard's own goroutine, ever does.
func (b *baton) free() {
	step.Point()
	b.state.Store(batonFree)
}

// want takes the baton, or has the visitor who has it call when he leaves.
func (b *baton) want() bool {
	for {
		step.Point()
		if b.state.CompareAndSwap(batonFree, batonHeld) {
			return true
		}
		step.Point()
		if b.state.CompareAndSwap(batonHeld, batonWanted) {
			return false
		}
		step.Point()
		if b.state.Load() == batonWanted {
			return false
		}
	}
}
