package shard

import (
	"context"
	"runtime/pprof"
	"sync/atomic"
)

// inboxBatches bounds the batches that wait for a shard; a reader that finds
// them all taken waits.
const inboxBatches = 16

// worker is one shard: the owner of its devices and of its part of every
// topic. Only the goroutine that has its turn touches what is not an atomic or a
// channel here.
type worker struct {
	id        int
	core      *Core
	batches   chan *Batch
	inbox     inbox
	turns     turnOwnership
	wakeTimer *wakeTimer
	labels    context.Context // of the shard's own goroutine, for profiles

	now  int64 // the core's clock, read once per turn
	read int64 // when the batch that is taken in was delivered; 0 outside apply

	// difference is the last batch's: this machine's clock less the server's, ms.
	difference int64
	snap       *Snapshot
	devices    map[string]*device
	orphans    orphans
	holding    []*device // those beyond their limit, with a position that is kept back
	values     values
	livePool   pool // of live chunks
	bodyPool   pool // of the ends of snapshot frames
	headPool   pool // of their heads
	deflate    compressor
	timers     timerHeap
	chains     []chain // per writer: connections to hand over

	todo   *opLink     // commands taken out of the inbox, not carried out yet
	rounds []*audience // pushes under way, to be gone on with by turns
	taking takeover    // a map on its way in, likewise
	builds []*build    // large bodies under way, likewise

	releasing []*part // those with replaced values
	budget    int     // what may still be begun in this turn

	lastBuild uint64 // the number of the last build

	count counts // since the last publish
	stats stats
	ages  ages

	// horizon is the instant up to which everything due is in the rings.
	// Written at the end of every turn, read by writers that gather.
	horizon atomic.Int64
}

func newWorker(c *Core, id int, s *Snapshot) *worker {
	w := &worker{
		id: id, core: c, snap: s,
		batches: make(chan *Batch, inboxBatches),
		turns:   newTurnOwnership(),
		devices: make(map[string]*device),
		chains:  make([]chain, len(c.queues)),
	}
	for _, p := range [...]*pool{&w.livePool, &w.deflate.pool, &w.bodyPool, &w.headPool} {
		p.memory = &c.memory
	}
	w.horizon.Store(never)
	return w
}

// run is the shard's own goroutine.
func (w *worker) run(ctx context.Context) {
	w.labels = ctx
	w.wakeTimer = newWakeTimer(w.turns.notifyOwner)
	defer w.wakeTimer.stop()
	for on := true; on; {
		on = w.wait(ctx.Done(), w.turn(w.batch()))
	}
}

// batch takes a batch out of the inbox, nil if there is none.
func (w *worker) batch() *Batch {
	select {
	case b := <-w.batches:
		return b
	default:
		return nil
	}
}

// wait waits for the next turn, which is due at next at the latest. It returns
// false when done is closed.
func (w *worker) wait(done <-chan struct{}, next int64) (on bool) {
	if w.sleeps(next) {
		return w.turns.awaitTurn(done)
	}
	select {
	case <-done:
		return false
	default:
		return true
	}
}

// sleeps sets the wake timer after a turn, if there is nothing to do before next.
func (w *worker) sleeps(next int64) bool {
	if next <= w.now || len(w.batches) > 0 {
		return false
	}
	w.wakeTimer.set(next, w.core.now())
	return true
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
func (w *worker) laden() bool { return !w.inbox.empty() || w.left() }

// left reports whether a turn has left something to be gone on with.
func (w *worker) left() bool {
	return w.todo != nil || w.taking.left() || len(w.rounds) > 0 || len(w.builds) > 0 || len(w.releasing) > 0
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
	w.takeOver()
	w.proceed()
	w.advanceBuilds()
	w.releaseSlice()
	w.splice(0)
	w.publish()
	next := held
	if a := w.timers.first(); a != nil {
		next = min(next, a.at)
	}
	for _, a := range w.rounds {
		next = min(next, a.round.due)
	}
	w.pass(next)
	if w.left() {
		return w.now
	}
	return next
}

// commands carries out what waits in the inbox, up to the bound of a turn.
func (w *worker) commands() {
	if w.todo == nil {
		w.todo = w.inbox.all()
	}
	for n := 0; n < turnCommands && w.todo != nil; n++ {
		o := w.todo.op
		w.todo = w.todo.next // before the sender may free the command, at finish
		w.do(o)
	}
}

// pass tells the writers how far this shard has come.
func (w *worker) pass(next int64) {
	if next != never {
		next--
	}
	if w.horizon.Load() == next {
		return
	}
	w.horizon.Store(next)
	for _, q := range w.core.queues {
		q.passed()
	}
}

// do carries out one command.
func (w *worker) do(o *op) {
	switch o.kind {
	case opSubscribe:
		w.subscribe(o)
	case opUnsubscribe:
		w.unsubscribe(o)
	case opLeave:
		w.leave(o)
	case opRecover:
		w.recover(o)
	case opCorrect:
		w.correct(o)
	case opClocks:
		w.restoreClocks(o)
	case opStop:
		w.pauseRenewed(o)
	case opRenew:
		w.renewSubs(o)
	case opSwap:
		w.adopt(w.core.snapshot.Load())
		w.taking.op = o
		return // takeOver finishes it
	}
	o.finish()
}
