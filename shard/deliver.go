package shard

import (
	"context"
	"errors"
	"runtime/pprof"

	"pitwall/codec"
)

// Batch is what one shard gets of one read from the stream. The strings of its
// positions are borrowed until the shard has taken them in.
type Batch struct {
	Positions []codec.Position
	// Warm marks positions read again at start: they fill the last values and
	// are not counted.
	Warm bool
	// Difference is this machine's clock less that of the Redis server, in ms, as
	// it was when the positions arrived; 0 while the two agree. See live_time.go.
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
// goroutine does; then Deliver blocks while that shard's inbox is full, which is what
// slows the reader of the stream down. The batch belongs to the core from here on,
// also on error. The error is that of ctx, or ErrEnded.
//
// Done callbacks can run in the caller's turn, so the caller must not hold anything
// that they need (see Subscribe). Afterwards the caller has the profile labels of ctx.
// Any goroutine may call it.
func (c *Core) Deliver(ctx context.Context, shard int, b *Batch) error {
	b.delivered = c.now()
	w := c.workers[shard]
	if len(b.Positions) <= fewPositions && w.tryTurn(ctx, b) {
		return nil
	}
	select {
	case w.batches <- b:
		w.turns.notifyOwner()
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

// tryTurn runs a turn with b on the goroutine of the reader, whose profile labels
// ctx has. False: somebody else owns the turn, or older work waits, and b is not
// taken in.
func (w *worker) tryTurn(ctx context.Context, b *Batch) bool {
	if len(w.batches) > 0 || !w.turns.tryAcquire() {
		return false
	}
	if len(w.batches) > 0 || w.busy() { // batches came first; the rest would hold the reader up
		w.turns.release(true)
		return false
	}
	pprof.SetGoroutineLabels(w.labels)
	w.turns.release(!w.sleeps(w.turn(b)))
	pprof.SetGoroutineLabels(ctx)
	return true
}

// busy reports whether commands wait or long work is under way.
func (w *worker) busy() bool { return !w.inbox.empty() || w.unfinished() }

// unfinished reports whether the next turn has work to continue, whatever is due.
func (w *worker) unfinished() bool {
	return w.todo != nil || w.updating.unfinished() || len(w.broadcasts) > 0 || len(w.builds) > 0 || len(w.releasing) > 0
}

// Bounds of a turn, so that one topic does not delay the others: a slice takes 0.1
// to 0.3 ms, and so do the commands.
const (
	slicePushes  = 2048
	turnCommands = 256
)

// turn takes in a batch, if there is one, carries out waiting commands, flushes what
// is due, and continues long work by a slice each. It returns the moment at which the
// next turn is due, on the core's clock: now or earlier if work is left. Only the
// owner of the turn calls it.
func (w *worker) turn(b *Batch) int64 {
	w.now = w.core.now()
	if b != nil {
		w.apply(b)
	}
	held := w.releaseHeld()
	w.commands()
	w.flush()
	w.continueUpdate()
	w.continueBroadcast()
	w.advanceBuilds()
	w.releaseSlice()
	w.splice(0)
	w.publish()
	next := held
	if a := w.timers.first(); a != nil {
		next = min(next, a.at)
	}
	for _, a := range w.broadcasts {
		next = min(next, a.broadcast.due)
	}
	w.advance(next)
	if w.unfinished() {
		return w.now
	}
	return next
}
