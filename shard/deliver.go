package shard

import (
	"context"
	"errors"
	"runtime/pprof"

	"pitwall/codec"
)

// Batch is the part of one read from the stream that is for one shard. The strings of
// its positions are borrowed until the shard has taken them in.
type Batch struct {
	Positions []codec.Position
	// Warm marks positions read again at start: they fill the last values and
	// are not counted.
	Warm bool
	// Difference is this machine's clock minus the Redis server's, in ms, when the
	// positions arrived; 0 while the two agree. See live_time.go.
	Difference int64

	delivered int64 // when Deliver was called, on the core's clock
}

// AcquireBatch returns an empty batch to fill; Deliver takes it back.
func (c *Core) AcquireBatch() *Batch { return c.batches.Get().(*Batch) }

func (c *Core) release(b *Batch) {
	clear(b.Positions) // let go of the read's memory
	b.Positions, b.Warm, b.Difference = b.Positions[:0], false, 0
	c.batches.Put(b)
}

// ErrEnded is returned by Deliver after Run has returned.
var ErrEnded = errors.New("shard: the core has ended")

// Deliver hands a batch to a shard (0 to Shards-1). If the batch is small and the
// shard is idle, the caller runs the shard's turn itself. Otherwise the shard's own
// goroutine does; then Deliver blocks while that shard's inbox is full, which slows the
// reader of the stream down. The batch belongs to the core from here on, even if
// Deliver fails. The error is that of ctx, or ErrEnded.
//
// Done callbacks can run in the caller's turn, so the caller must not hold anything
// that they need (see Subscribe). Afterwards the caller has the profile labels of ctx.
// Any goroutine may call it.
func (c *Core) Deliver(ctx context.Context, shard int, b *Batch) error {
	b.delivered = c.now()
	w := c.workers[shard]
	w.reached.delivered.Add(1)
	if len(b.Positions) <= fewPositions && w.tryAcquireIdle() {
		pprof.SetGoroutineLabels(w.labels)
		w.turns.release(!w.sleeps(w.turn(b)))
		pprof.SetGoroutineLabels(ctx)
		return nil
	}
	select {
	case w.batches <- b:
		w.turns.notifyShard()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ended:
		return ErrEnded
	}
}

// fewPositions is how many positions a reader may take in itself. They take no
// longer than waking the shard's goroutine. With more, it is better that all shards
// work at the same time.
const fewPositions = 16

// tryAcquireIdle takes the turn for a reader if the shard has nothing else to do:
// batches that wait come first, and other work would hold the reader up.
func (w *worker) tryAcquireIdle() bool {
	if len(w.batches) > 0 || !w.turns.tryAcquire() {
		return false
	}
	if len(w.batches) > 0 || !w.inbox.empty() || w.unfinished() {
		w.turns.release(true)
		return false
	}
	return true
}

// unfinished reports whether the next turn has work to continue, whatever is due.
func (w *worker) unfinished() bool {
	return w.todo != nil || w.updating.unfinished() || len(w.broadcasts) > 0 || len(w.builds) > 0 || len(w.releasing) > 0
}

// Bounds of a turn, so that one topic does not delay the others: a slice takes 0.1
// to 0.3 ms, and so do the commands. A seal or tick costs as much as some pushes.
const (
	slicePushes  = 2048
	turnCommands = 256
	sealPushes   = 8
)

// turn takes in a batch, if there is one, carries out waiting commands, seals what is
// due, and continues long work by a slice each. It returns the moment at which the
// next turn is due, on the core's clock: now or earlier if work is left. Only the
// owner of the turn calls it.
func (w *worker) turn(b *Batch) (next int64) {
	w.now = w.core.now()
	w.noteSecond(w.core.ServerTime())
	if b != nil {
		w.beginUpdate(w.core.snapshot.Load())
		w.difference = b.Difference
		for i := range b.Positions {
			w.addPending(w.takeIn(&b.Positions[i], b.Warm, b.delivered))
		}
		w.core.release(b)
	}
	held := w.releaseHeld()
	w.carryOutCommands()
	for pushes := 0; pushes < w.core.slice; pushes += sealPushes {
		due := w.timers.first()
		if due == nil || due.at > w.now {
			break
		}
		if due.class == classNone {
			pushes += w.seal(due.shard, due.at)
		} else {
			pushes += w.tick(due.shard, due.class, due.at)
		}
	}
	w.continueUpdate()
	w.continueBroadcast()
	w.continueBuild()
	w.releaseSlice()
	w.splice(0)
	w.publish()
	w.publishReached(b != nil)
	return w.nextTurn(held)
}

// nextTurn moves the watermark as far as this turn has come, and returns when the next
// turn is due. held is when the next position that is held back may be shown.
func (w *worker) nextTurn(held int64) int64 {
	next := held
	if d := w.timers.first(); d != nil {
		next = min(next, d.at)
	}
	for _, subs := range w.broadcasts {
		next = min(next, subs.broadcast.due)
	}
	w.advance(next)
	if w.unfinished() {
		return w.now
	}
	return next
}
