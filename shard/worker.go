package shard

import (
	"container/list"
	"context"
	"sync/atomic"
)

// inboxBatches is how many batches can wait for a shard. A reader with one more blocks.
const inboxBatches = 16

// worker is one shard: it owns its devices and one topic shard of every topic. Only the
// goroutine that has its turn touches what is not an atomic or a channel here.
type worker struct {
	id        int
	core      *Core
	batches   chan *Batch
	inbox     inbox
	turns     turnOwnership
	wakeTimer *wakeTimer
	labels    context.Context // of the shard's own goroutine, for profiles

	now int64 // the core's clock, read once per turn

	// The time by the Redis server's clock, in seconds, and when the next second begins,
	// in ms. See history.go.
	second, nextSecond int64
	latest             int64     // the latest time that was shown, ms
	histories          list.List // of *topicShard with a history, the one that changed longest ago first
	historyBytes       int

	difference int64 // of the last batch: this machine's clock minus the Redis server's, ms
	snap       *Snapshot
	devices    map[string]*device
	orphans    list.List // devices in no event, the one that was heard of longest ago first
	holding    []*device // those beyond their limit, with a position that is held back
	values     values
	livePool   pool // of live chunks
	bodyPool   pool // of the ends of snapshot frames, which many connections share
	headPool   pool // of their heads, one for each connection
	deflate    compressor
	timers     timerHeap
	chains     []chain // per writer: connections to hand over

	todo *opLink // commands taken out of the inbox, not carried out yet

	// Long work under way, which each turn continues by a slice.
	broadcasts []*subscribers
	updating   snapshotUpdate
	builds     []*build
	releasing  []*topicShard // those with replaced values

	lastBuild uint64 // the number of the last build

	count counts // since the last publish
	stats stats
	ages  ages

	// watermark is the moment up to which everything that was due is in the rings, on
	// the core's clock. It is written at the end of every turn, and read by writers that
	// wait for it.
	watermark atomic.Int64
	reached   reached
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
	w.wakeTimer = newWakeTimer(w.turns.notifyShard)
	w.watermark.Store(never)
	w.reached.heldFrom.Store(never)
	return w
}

// run is the shard's own goroutine. It owns the turn except while it sleeps.
func (w *worker) run(ctx context.Context) {
	w.labels = ctx
	defer w.wakeTimer.stop()
	for on := true; on; {
		on = w.wait(ctx.Done(), w.turn(w.batch()))
	}
}

// batch takes a batch out of the inbox; nil if there is none.
func (w *worker) batch() *Batch {
	select {
	case b := <-w.batches:
		return b
	default:
		return nil
	}
}

// wait sleeps until the next turn, which is due at next at the latest. It returns
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

// sleeps sets the wake timer after a turn and reports whether there is nothing to do
// before next. The owner of the turn calls it before it gives the turn away.
func (w *worker) sleeps(next int64) bool {
	if next <= w.now || len(w.batches) > 0 {
		return false
	}
	w.wakeTimer.set(next, w.core.now())
	return true
}

// carryOutCommands carries out what waits in the inbox, up to the bound of a turn.
func (w *worker) carryOutCommands() {
	if w.todo == nil {
		w.todo = w.inbox.all()
	}
	for n := 0; n < turnCommands && w.todo != nil; n++ {
		o := w.todo.op
		w.todo = w.todo.next // before the command: once it is done, the sender may use it again
		w.do(o)
	}
}

// advance moves the watermark to just before next and wakes the writers that wait
// for it.
func (w *worker) advance(next int64) {
	if next != never {
		next--
	}
	if w.watermark.Load() == next {
		return
	}
	w.watermark.Store(next)
	for _, q := range w.core.queues {
		q.advanced()
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
	case opPause:
		w.pauseRenewed(o)
	case opRenew:
		w.renewSubs(o)
	case opInspect:
		w.inspect(o)
	case opOrphans:
		w.listOrphans(o)
	case opSwap:
		w.beginUpdate(w.core.snapshot.Load())
		w.updating.op = o
		return // continueUpdate finishes it
	}
	o.finish()
}
