package live

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

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
	gathered int64   // the newest flush time that was waited for
	scratch  []piece // what is in flight for the connection that has its turn
	group    [prefetchAhead]shard.Active
}

func newWriter(srv *Server, queue *shard.RunQueue, pass *passTimer) *writer {
	return &writer{
		srv: srv, queue: queue, pass: pass,
		order:   fairQueue{limit: smallBatch},
		out:     newOutput(make([]byte, joinMost)),
		scratch: make([]piece, 0, turnPieces),
	}
}

// run is the goroutine. Each time it is woken it makes a drain pass: it serves
// until nobody waits.
func (w *writer) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-w.queue.Wakeups():
		case <-ctx.Done():
			return
		}
		w.pass.begin(w.srv.core.Now())
		for {
			w.gather(ctx, timer)
			w.order.takeFrom(w.queue)
			if w.order.empty() {
				break
			}
			w.serve()
		}
		w.pass.end(w.srv.core.Now())
	}
}

// serve gives turns until nobody waits. At times it looks for newcomers, so that
// those of a small batch go ahead.
func (w *writer) serve() {
	for turns := 0; ; {
		n := w.takeGroup()
		if n == 0 {
			break
		}
		for _, a := range w.group[:n] {
			w.turn(a)
		}
		if turns += n; turns >= retakeEvery {
			turns = 0
			w.tally.publish(w.srv.m)
			if w.srv.core.FlushedThrough(w.queue.NewestFlush()) {
				w.order.takeFrom(w.queue)
			}
		}
	}
	clear(w.group[:])
	w.tally.publish(w.srv.m)
}

// turn writes what a connection has queued, with one system call. Most turns leave
// nothing, so the list of what is in flight is the writer's own until they do.
func (w *writer) turn(a shard.Active) {
	s := a.Owner().(*session)
	if s.inFlight == nil {
		s.inFlight = w.scratch[:0]
	}
	if s.phase != sendEnded && s.fill(a.Consumer) {
		n, err := w.out.writeNow(s)
		switch {
		case err == nil:
			w.tally.wrote(n, w.srv.core)
			s.written(n, a.Consumer, &w.tally)
		case err != unix.EAGAIN:
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
// the last one. Fetched one by one, the writer would wait for memory each time.
const prefetchAhead = 8

// takeGroup takes the next connections in order, and fetches what their turns need.
func (w *writer) takeGroup() (n int) {
	for ; n < prefetchAhead; n++ {
		a, ok := w.order.next()
		if !ok {
			break
		}
		w.group[n] = a
	}
	for _, a := range w.group[:n] {
		_ = a.Owner().(*session).closeFrame.Load()
	}
	for _, a := range w.group[:n] {
		a.Prefetch()
	}
	return n
}

// gather waits until every shard has come to the newest flush time, for a moment
// at most.
func (w *writer) gather(ctx context.Context, timer *time.Timer) {
	flush := w.queue.NewestFlush()
	if flush <= w.gathered {
		return
	}
	w.gathered = flush
	w.queue.AwaitFlush(true)
	defer w.queue.AwaitFlush(false)
	timer.Reset(gatherTime)
	for !w.srv.core.FlushedThrough(flush) {
		select {
		case <-w.queue.Wakeups():
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
