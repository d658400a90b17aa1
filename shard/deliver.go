package shard

import (
	"context"
	"errors"
	"runtime/pprof"

	"pitwall/codec"
)

// Batch is the part of one read that one shard gets. The strings of its
// positions are borrowed until the shard has taken them in.
type Batch struct {
	Positions []codec.Position
	// Warm marks positions read again at start: they fill the last values and
	// are not counted.
	Warm bool
	// Difference is this machine's clock less that of the Redis server, in ms, as
	// it was when the positions arrived; 0 while the two agree. See livetime.go.
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

// Deliver hands a batch to a shard (0 to Shards-1). If it is small and the shard
// rests, the caller takes it in for the shard, and pushes what is due, as far as
// a turn goes. Else the shard's own goroutine does, and Deliver blocks while that
// one's inbox is full, which is what slows the reader of the stream down. The
// batch belongs to the core from here on, also on error.
//
// The caller has nothing that a done callback needs (see Subscribe). Its labels
// for profiles are those of ctx afterwards.
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

// fewPositions is what a reader may bring to a turn of its own. That takes no
// longer than to wake the shard's goroutine; more is taken in by all shards at
// the same time.
const fewPositions = 16

// tryTurn has a turn with b on the caller's goroutine, whose labels ctx has. False
// says that the shard is at work, or has other things to do, and b is not taken
// in.
func (w *worker) tryTurn(ctx context.Context, b *Batch) bool {
	if len(w.batches) > 0 || !w.turns.tryAcquire() {
		return false
	}
	if len(w.batches) > 0 || w.laden() { // that came first, or is not the reader's to carry out
		w.turns.release(true)
		return false
	}
	pprof.SetGoroutineLabels(w.labels)
	w.turns.release(!w.sleeps(w.turn(b)))
	pprof.SetGoroutineLabels(ctx)
	return true
}

// laden reports whether commands wait or something long is under way.
func (w *worker) laden() bool { return !w.inbox.empty() || w.unfinished() }

// unfinished reports whether a turn has left something to be gone on with.
func (w *worker) unfinished() bool {
	return w.todo != nil || w.updating.unfinished() || len(w.broadcasts) > 0 || len(w.builds) > 0 || len(w.releasing) > 0
}

// Bounds of a turn, so that a crowd does not keep the others waiting: a slice
// is 0.1 to 0.3 ms, and so are the commands.
const (
	slicePushes  = 2048
	turnCommands = 256
)

// turn takes a batch in, if there is one, carries out commands that wait,
// flushes what is due, and goes on with a new map and with one long push. It
// returns when the next thing is due; now or earlier when something is left.
func (w *worker) turn(b *Batch) int64 {
	w.now = w.core.now()
	if b != nil {
		w.apply(b)
	}
	held := w.releaseHeld()
	w.commands()
	w.flush()
	w.continueUpdate()
	w.proceed()
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
