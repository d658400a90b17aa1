package shard

import (
	"context"
	"sync/atomic"
	"time"
)

// inboxBatches bounds the batches that wait for a shard; a reader that finds
// them all taken waits.
const inboxBatches = 16

// worker is one shard: the owner of its devices and of its part of every
// topic. Nothing but its own goroutine touches what is not an atomic or a
// channel here.
type worker struct {
	id      int
	core    *Core
	batches chan *Batch
	inbox   inbox
	wake    chan struct{}

	now     int64 // the core's clock, read once per turn
	snap    *Snapshot
	devices map[string]*device
	orphans orphans
	values  values
	pool    pool
	deflate compressor
	alarms  alarms
	chains  []chain // per writer: connections to hand over

	count counts // since the last publish
	stats stats

	// horizon is the instant up to which everything due is in the rings.
	// Written at the end of every turn, read by writers that gather.
	horizon atomic.Int64
}

func newWorker(c *Core, id int, s *Snapshot) *worker {
	w := &worker{
		id: id, core: c, snap: s,
		batches: make(chan *Batch, inboxBatches),
		wake:    make(chan struct{}, 1),
		devices: make(map[string]*device),
		chains:  make([]chain, len(c.queues)),
	}
	w.horizon.Store(never)
	return w
}

func (w *worker) wakeUp() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run is the shard's goroutine.
func (w *worker) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var b *Batch
	for {
		if next := w.turn(b); next == never {
			timer.Stop()
		} else {
			timer.Reset(time.Duration(max(next-w.core.now(), 0)))
		}
		b = nil
		select {
		case b = <-w.batches:
		case <-w.wake:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// turn takes a batch in, if there is one, carries out the commands that wait,
// and flushes what is due. It returns when the next thing is due.
func (w *worker) turn(b *Batch) int64 {
	w.now = w.core.now()
	if b != nil {
		w.apply(b)
	}
	for l := w.inbox.all(); l != nil; {
		next := l.next // the sender may free the command at finish
		w.do(l.op)
		l = next
	}
	w.flush()
	w.splice(0)
	w.publish()
	next := int64(never)
	if a := w.alarms.first(); a != nil {
		next = a.at
	}
	w.pass(next)
	return next
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
	case opSwap:
		w.adopt(w.core.snapshot.Load())
	}
	o.finish()
}
