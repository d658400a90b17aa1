package live

import (
	"context"
	"time"

	"pitwall/shard"
)

// Bounds of one turn: what one system call is given at most.
const (
	turnPieces = 64
	turnBytes  = 1 << 20
)

// gatherTime bounds how long a writer waits after a flush time for the shards that
// have not come to it, so that a connection gets their chunks in one write.
const gatherTime = 3 * time.Millisecond

// writer is one writer goroutine. It drains one run queue.
type writer struct {
	srv      *Server
	queue    *shard.RunQueue
	order    fairQueue
	out      *output
	tally    tally
	pass     *passTimer
	timer    *time.Timer // of gather
	gathered int64       // the newest flush time that was waited for
	turns    int         // since the last look at the run queue
	scratch  []piece     // what is in flight for the connection that has its turn
	group    [prefetchAhead]shard.Active
}

func newWriter(srv *Server, queue *shard.RunQueue, pass *passTimer) *writer {
	return &writer{
		srv: srv, queue: queue, pass: pass,
		order:   fairQueue{limit: smallBatch},
		out:     newOutput(make([]byte, joinMost)),
		timer:   time.NewTimer(gatherTime),
		scratch: make([]piece, 0, turnPieces),
	}
}

// run is the goroutine. Each time it is woken it makes a drain pass: it gives turns
// until nobody waits.
func (w *writer) run(ctx context.Context) {
	for {
		select {
		case <-w.queue.Wakeups():
		case <-ctx.Done():
			return
		}
		w.pass.begin(w.srv.core.Now())
		for n := w.nextGroup(ctx); n > 0; n = w.nextGroup(ctx) {
			for _, a := range w.group[:n] {
				w.turn(a)
			}
		}
		w.pass.end(w.srv.core.Now())
	}
}

// turn writes what a connection has queued, with one system call. Most turns leave
// nothing, so the list of what is in flight is the writer's own until one does.
func (w *writer) turn(a shard.Active) {
	s := a.Owner().(*session)
	if s.inFlight == nil {
		s.inFlight = w.scratch[:0]
	}
	if s.phase != sendEnded && s.fill(a.Consumer) {
		n, err := w.write(s)
		switch {
		case err == nil:
			w.tally.wrote(n, w.srv.core)
			s.written(n, a.Consumer, &w.tally)
		case err != errFull:
			s.socketFailed()
		}
		if s.phase != sendEnded && len(s.inFlight) > 0 {
			s.inFlight = append([]piece(nil), s.inFlight...)
			w.park(s, a.Park())
			return
		}
	}
	s.rest(a)
}

// prefetchAhead is how many connections are fetched from memory before the first
// of them has its turn. What a turn needs has left the processor's caches since
// the last one. Without prefetching, the writer would wait for memory in every turn.
const prefetchAhead = 8

// nextGroup puts the connections that have the next turns into w.group, and fetches
// what their turns need. It returns how many there are, 0 when nobody waits. At times
// it looks for newcomers, so that those of a small batch go ahead.
func (w *writer) nextGroup(ctx context.Context) (n int) {
	if empty := w.order.empty(); empty || w.turns >= retakeEvery {
		w.turns = 0
		w.tally.publish(w.srv.m)
		if empty {
			w.gather(ctx)
		}
		if empty || w.srv.core.FlushedThrough(w.queue.NewestFlush()) {
			w.order.takeFrom(w.queue)
		}
	}
	for ; n < prefetchAhead; n++ {
		a, ok := w.order.next()
		if !ok {
			break
		}
		w.group[n] = a
	}
	clear(w.group[n:])
	for _, a := range w.group[:n] {
		_ = a.Owner().(*session).closeFrame.Load()
	}
	for _, a := range w.group[:n] {
		a.Prefetch()
	}
	w.turns += n
	return n
}

// gather waits until every shard has come to the newest flush time, for gatherTime at
// most.
func (w *writer) gather(ctx context.Context) {
	flush := w.queue.NewestFlush()
	if flush <= w.gathered {
		return
	}
	w.gathered = flush
	w.queue.AwaitFlush(true)
	defer w.queue.AwaitFlush(false)
	w.timer.Reset(gatherTime)
	for !w.srv.core.FlushedThrough(flush) {
		select {
		case <-w.queue.Wakeups():
		case <-w.timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
