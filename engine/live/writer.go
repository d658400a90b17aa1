package live

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/shard"
)

// Bounds of one turn: what one system call is given at most.
const (
	turnItems = 64
	turnBytes = 1 << 20
)

// gatherTime bounds how long a writer waits after an instant for the shards
// that have not passed it yet, so that a connection gets their chunks in one
// write.
const gatherTime = 3 * time.Millisecond

// writer drains one run queue.
type writer struct {
	srv   *Server
	queue *shard.RunQueue
	lines lines
	out   output
	tally tally
	sweep *sweep
	seen  int64  // the newest instant gathered for
	lent  []item // front of the connection that has its turn
	group [warmAhead]*session
}

func newWriter(srv *Server, queue *shard.RunQueue, sweep *sweep) *writer {
	w := &writer{srv: srv, queue: queue, sweep: sweep, lines: lines{most: fewMost}, lent: make([]item, 0, turnItems)}
	w.out.joined = make([]byte, joinMost)
	w.out.init()
	return w
}

func (w *writer) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-w.queue.Wakeups():
		case <-ctx.Done():
			return
		}
		w.sweep.begin(w.srv.core.Now())
		for w.look(ctx, timer) {
			w.serve()
		}
		w.sweep.end(w.srv.core.Now())
	}
}

// look takes in everybody who waits, once every shard has passed the newest
// instant. False says that nobody does.
func (w *writer) look(ctx context.Context, timer *time.Timer) bool {
	w.gather(ctx, timer)
	w.lines.take(w.queue)
	return !w.lines.empty()
}

// serve gives turns until nobody waits, looking at times for newcomers.
func (w *writer) serve() {
	for n := 0; ; {
		got := w.next()
		if got == 0 {
			break
		}
		for _, s := range w.group[:got] {
			w.turn(s)
		}
		if n += got; n >= lookEvery {
			n = 0
			w.tally.publish(w.srv.m)
			if w.srv.core.FlushedThrough(w.queue.Instant()) {
				w.lines.take(w.queue)
			}
		}
	}
	clear(w.group[:])
	w.tally.publish(w.srv.m)
}

// warmAhead is how many connections are fetched from memory before the first
// of them has its turn. What a turn needs has left the processor's caches since
// the last one, and the writer would else wait for each piece alone.
const warmAhead = 8

// next takes some connections off the lines.
func (w *writer) next() (n int) {
	for ; n < warmAhead; n++ {
		c := w.lines.next()
		if c == nil {
			break
		}
		w.group[n] = c.Owner.(*session)
	}
	for _, s := range w.group[:n] {
		_ = s.last.Load()
	}
	for _, s := range w.group[:n] {
		s.conn.Warm()
	}
	return n
}

// gather waits until every shard has passed the newest instant.
func (w *writer) gather(ctx context.Context, timer *time.Timer) {
	instant := w.queue.Instant()
	if instant <= w.seen {
		return
	}
	w.seen = instant
	core := w.srv.core
	w.queue.Gather(true)
	defer w.queue.Gather(false)
	timer.Reset(gatherTime)
	for !core.FlushedThrough(instant) {
		select {
		case <-w.queue.Wakeups():
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// turn writes what a connection has queued, with one system call. Most turns
// leave nothing, so the list of what to write is the writer's own.
func (w *writer) turn(s *session) {
	if s.front == nil {
		s.front = w.lent[:0]
	}
	if !s.over && s.fill() && !w.write(s) {
		s.front = append([]item(nil), s.front...)
		w.park(s)
		return
	}
	if s.rest() {
		s.conn.Unpark()
	}
}

// write reports false when the socket has no room for all of it.
func (w *writer) write(s *session) bool {
	if s.gate.fd == noDescriptor {
		return false
	}
	if !s.gate.enter() {
		s.drop()
		return true
	}
	n, err := w.out.now(s)
	if s.gate.leave() {
		_ = s.sock.Conn.Close()
	}
	if err == unix.EAGAIN {
		return false
	}
	if err != nil {
		s.drop()
		return true
	}
	w.tally.wrote(n, w.srv.core)
	s.advance(n, &w.tally)
	return s.over || len(s.front) == 0
}

// rest ends a turn with nothing left to write. It returns true when there is
// more to do.
func (s *session) rest() bool {
	if s.over {
		s.discard()
		return s.conn.Rest()
	}
	s.front = nil
	if s.conn.Lagged() {
		s.conn.Shrink()
		s.conn.Recover(&s.losses)
	}
	if s.conn.Rest() {
		return true
	}
	s.lookAgain()
	return false
}

// lookAgain looks at what does not go through the ring, now that the connection
// is idle: the pong, the close frame, and requests that wait for the writer.
// Whatever adds one looks at the connection's state afterwards.
func (s *session) lookAgain() {
	if s.pong.Load() != nil || s.last.Load() != nil {
		s.conn.Schedule()
	}
	if s.stalled.Load() && s.stalled.CompareAndSwap(true, false) {
		s.schedule()
	}
}

// drop ends a connection whose socket has failed.
func (s *session) drop() {
	s.over = true
	s.cut()
}
