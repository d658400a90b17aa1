package live

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/puzpuzpuz/xsync/v3"

	"pitwall/shard"
)

// testSession is a session without a connection, on a core and a dispatch queue that
// nobody else touches: the test plays the dispatcher and the writer step by step.
type testSession struct {
	*session
	t    *testing.T
	core *shard.Core
}

const aSubscribe = `{"type":"subscribe","id":"1","topic":"event:e"}`

func newTestSession(t *testing.T) *testSession {
	t.Helper()
	core, err := shard.New(shard.Config{Shards: 1, Writers: 1, RingBytes: 1024})
	if err != nil {
		t.Fatal(err)
	}
	srv := &Server{core: core, queue: dispatchQueue{wake: make(chan struct{}, 1)}, requestAuth: newAuthPool(1), sessions: xsync.NewMapOf[uint64, *session]()}
	s := &session{srv: srv}
	s.conn = core.NewConn(0, false, s)
	s.dispatching.Store(dispatchQueued) // a dispatcher has it
	return &testSession{s, t, core}
}

// fill pushes more than the queue may hold.
func (b *testSession) fill() { b.push(shard.NewControl(make([]byte, 2000))) }

// active takes the connection off its run queue, as its writer does.
func (b *testSession) active() shard.Active {
	b.t.Helper()
	var list shard.ConnList
	b.core.Queue(0).TakeInto(&list, &list, 0)
	a, ok := list.Next()
	if !ok {
		b.t.Fatal("the connection is not in its run queue")
	}
	return a
}

// write writes everything and rests, as the writer does.
func (b *testSession) write(a shard.Active) {
	b.drain(a)
	b.rest(a)
}

func (b *testSession) drain(a shard.Active) {
	for ch := a.Take(); ch != nil; ch = a.Take() {
		b.release(a.Consumer, piece{ch: ch})
	}
}

// turns gives the connection the turn that the writer was asked for, if it was.
func (b *testSession) turns() {
	var list shard.ConnList
	b.core.Queue(0).TakeInto(&list, &list, 0)
	for a, ok := list.Next(); ok; a, ok = list.Next() {
		b.write(a)
	}
}

// idles ends the dispatcher's work. If there is more to do, it is queued again.
func (b *testSession) idles() {
	if !b.idle() {
		b.srv.queue.put(b.session)
	}
}

// woken checks that a dispatcher will look at the session, and finds its request.
func (b *testSession) woken() {
	b.t.Helper()
	if b.srv.queue.head.Load() != b.session {
		b.t.Fatal("the request waits, and nobody will look at it")
	}
	if b.task() != taskRequest {
		b.t.Fatal("a dispatcher looks, and finds no request")
	}
}

// A subscribe that waits for the client to read is carried out when everything
// is written, however the writer's steps and the dispatcher's fall.
func TestWaitingRequestIsResumed(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(b *testSession)
	}{
		{"the writer is done before the dispatcher rests, and more has come", func(b *testSession) {
			b.fill()
			b.step()
			b.write(b.active())
			b.fill()
			b.idles()
			b.turns()
		}},
		{"the writer is done before the dispatcher rests", func(b *testSession) {
			b.fill()
			b.step()
			b.turns()
			b.idles()
		}},
		{"the dispatcher rests first", func(b *testSession) {
			b.fill()
			b.step()
			b.idles()
			b.turns()
		}},
		{"the writer is done between the look and the note", func(b *testSession) {
			b.fill()
			if !b.mustDrain() {
				b.t.Fatal("not held back")
			}
			b.turns()
			b.awaitDrain()
			b.idles()
			b.turns()
		}},
		{"the note is made while the writer has everything written and does not rest yet", func(b *testSession) {
			b.fill()
			crowded := b.mustDrain()
			a := b.active()
			b.drain(a)
			b.awaitDrain()
			b.rest(a)
			b.idles()
			if !crowded {
				b.t.Fatal("not held back")
			}
		}},
		{"the queue counts as full, and the connection is idle", func(b *testSession) {
			b.fill()
			a := b.active()
			ch := a.Take()
			if a.Rest() {
				b.t.Fatal("there is more to write")
			}
			b.step()
			b.idles()
			b.release(a.Consumer, piece{ch: ch}) // what was counted for a moment
			b.turns()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newTestSession(t)
			b.inbox.put(&message{data: []byte(aSubscribe)})
			c.play(b)
			b.woken()
		})
	}
}

// The same with both at once, many times over: the note that a request waits, and
// the writer's going to rest.
func TestWaitingRequestIsResumedBesideTheWriter(t *testing.T) {
	b := newTestSession(t)
	b.inbox.put(&message{data: []byte(aSubscribe)})
	b.dispatching.Store(dispatchIdle)
	const rounds = 150_000
	var begun, noted atomic.Int64
	var other sync.WaitGroup
	other.Go(func() {
		for n := int64(1); n <= rounds; n++ {
			for begun.Load() < n {
				runtime.Gosched()
			}
			for range n % 40 { // the two meet at another point each time
				_ = b.mustDrain()
			}
			b.awaitDrain()
			noted.Store(n)
		}
	})
	defer other.Wait()
	for n := int64(1); n <= rounds; n++ {
		b.conn.Schedule()
		a := b.active()
		begun.Store(n)
		for range n % 41 {
			b.drain(a)
		}
		b.rest(a)
		for noted.Load() < n {
			runtime.Gosched()
		}
		b.turns()
		if b.srv.queue.takeAll() == nil {
			t.Errorf("round %d: the request waits, and nobody will look at it", n)
			begun.Store(rounds)
			return
		}
		b.next = nil
		b.dispatching.Store(dispatchIdle)
	}
}

// Pings wait too once too many of their answers are not read, and go on when
// they are.
func TestRepliesHaveABudget(t *testing.T) {
	b := newTestSession(t)
	for n := 0; b.task() != taskNone || n == 0; n++ {
		if b.replies.Load() > maxReplyBytes {
			t.Fatalf("%d bytes of replies are not read, and the next request is carried out", b.replies.Load())
		}
		b.inbox.put(&message{data: []byte(`{"type":"ping"}`)})
		b.inbox.take()
		b.reply([]byte("pong"))
		b.inbox.put(&message{data: []byte(`{"type":"ping"}`)})
	}
	b.idles()
	b.turns()
	b.woken()
	if n := b.replies.Load(); n != 0 {
		t.Errorf("%d bytes of replies count when all are written", n)
	}
}

// waits has a request wait for an answer until end is called.
func (b *testSession) waits() (end func()) {
	answered := make(chan struct{})
	b.srv.requestAuth.start(context.Background())
	b.awaitAuth("", func(context.Context) answer { <-answered; return answer{} }, func(answer) {})
	return func() { close(answered); b.srv.requestAuth.workers.Wait() }
}

// Whatever a session waits for, its coming is seen: by the dispatcher that is
// about to rest, or by one that is called.
func TestEveryWaitIsEnded(t *testing.T) {
	for _, c := range []struct {
		name  string
		waits func(b *testSession) (comes func())
		then  task
	}{
		{"a request", func(b *testSession) func() {
			return func() { b.inbox.put(&message{data: []byte(aSubscribe)}); b.schedule() }
		}, taskRequest},
		{"a command with the shards", func(b *testSession) func() { return b.begin(nil) }, taskAfterCommand},
		{"the answer to a question", func(b *testSession) func() {
			return b.waits()
		}, taskAnswer},
		{"the answer about the session", func(b *testSession) func() {
			c := &sessionCheck{srv: b.srv, s: b.session}
			b.check.Store(c)
			b.checkWanted.Store(true) // one at a time
			return c.notify
		}, taskDecision},
		{"the clock", func(b *testSession) func() {
			b.srv.sessions.Store(b.id, b.session)
			b.graceEnds.Store(1)
			return b.srv.findEndedGraces
		}, taskGrace},
		{"the next question about the session, while the client's is not answered", func(b *testSession) func() {
			b.t.Cleanup(b.waits())
			return b.requestCheck
		}, taskReauthorize},
		{"the end of reading, while a question is not answered", func(b *testSession) func() {
			b.t.Cleanup(b.waits())
			return func() { b.life.Store(lifeReadEnded); b.schedule() }
		}, taskLeave},
		{"the end of reading", func(b *testSession) func() {
			return func() { b.life.Store(lifeReadEnded); b.schedule() }
		}, taskLeave},
		{"the end of reading, while a request is held back", func(b *testSession) func() {
			b.fill()
			b.inbox.put(&message{data: []byte(aSubscribe)})
			return func() { b.life.Store(lifeReadEnded); b.schedule() }
		}, taskLeave},
		{"the next question about the session", func(b *testSession) func() { return b.requestCheck }, taskReauthorize},
		{"the writer", func(b *testSession) func() {
			b.fill()
			b.inbox.put(&message{data: []byte(aSubscribe)})
			return b.turns
		}, taskRequest},
	} {
		for _, rests := range []string{"before", "after"} {
			t.Run(c.name+", "+rests+" the dispatcher rests", func(t *testing.T) {
				b := newTestSession(t)
				comes := c.waits(b)
				if b.step() {
					t.Fatal("it does not wait")
				}
				if rests == "before" {
					comes()
					b.idles()
				} else {
					b.idles()
					comes()
				}
				if b.srv.queue.head.Load() != b.session || b.task() != c.then {
					t.Errorf("nobody will look at the session, or there is nothing to do: %d, want %d", b.task(), c.then)
				}
			})
		}
	}
}
