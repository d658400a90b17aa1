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

// testSession is a session without a connection, whose core and dispatch queue no
// goroutine serves: the test does the steps of the dispatcher and of the writer.
type testSession struct {
	*session
	t    *testing.T
	core *shard.Core
}

const subscribeRequest = `{"type":"subscribe","id":"1","topic":"event:e"}`

func newTestSession(t *testing.T) *testSession {
	t.Helper()
	core, err := shard.New(shard.Config{Shards: 1, Writers: 1, RingBytes: 1024})
	if err != nil {
		t.Fatal(err)
	}
	srv := &Server{core: core, queue: dispatchQueue{wake: make(chan struct{}, 1)}, requestAuth: newAuthPool(1), sessions: xsync.NewMapOf[uint64, *session]()}
	s := &session{srv: srv}
	s.conn = core.NewConn(0, false, s)
	s.dispatching.Store(dispatchQueued) // as if a dispatcher had it
	return &testSession{s, t, core}
}

// overfill pushes more than the queue may hold.
func (b *testSession) overfill() { b.push(shard.NewControl(make([]byte, 2000))) }

// takeActive takes the connection off its run queue, as its writer does.
func (b *testSession) takeActive() shard.Active {
	b.t.Helper()
	var list shard.ConnList
	b.core.Queue(0).TakeInto(&list, &list, 0)
	a, ok := list.Next()
	if !ok {
		b.t.Fatal("the connection is not in its run queue")
	}
	return a
}

// write writes everything and rests, as the writer does in a turn.
func (b *testSession) write(a shard.Active) {
	b.drain(a)
	b.rest(a)
}

// drain writes everything.
func (b *testSession) drain(a shard.Active) {
	for ch := a.Take(); ch != nil; ch = a.Take() {
		b.release(a.Consumer, piece{ch: ch})
	}
}

// giveTurns gives the connection a turn if it is in its run queue.
func (b *testSession) giveTurns() {
	var list shard.ConnList
	b.core.Queue(0).TakeInto(&list, &list, 0)
	for a, ok := list.Next(); ok; a, ok = list.Next() {
		b.write(a)
	}
}

// finishDispatch ends the dispatcher's work. If the session has another task, it is
// queued again.
func (b *testSession) finishDispatch() {
	if !b.idle() {
		b.srv.queue.put(b.session)
	}
}

// wantRequestScheduled checks that the session is queued for a dispatcher, which will
// carry out its request.
func (b *testSession) wantRequestScheduled() {
	b.t.Helper()
	if b.srv.queue.head.Load() != b.session {
		b.t.Fatal("the request waits, and the session is not in the dispatch queue")
	}
	if got := b.task(); got != taskRequest {
		b.t.Fatalf("the session has task %v, want %v", got, taskRequest)
	}
}

// A subscribe that waits for the client to read is carried out when everything is
// written, in whatever order the writer and the dispatcher take their steps.
func TestWaitingRequestIsResumed(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps func(b *testSession)
	}{
		{"the writer rests before the dispatcher does, and more has come", func(b *testSession) {
			b.overfill()
			b.step()
			b.write(b.takeActive())
			b.overfill()
			b.finishDispatch()
			b.giveTurns()
		}},
		{"the writer rests before the dispatcher does", func(b *testSession) {
			b.overfill()
			b.step()
			b.giveTurns()
			b.finishDispatch()
		}},
		{"the dispatcher rests before the writer does", func(b *testSession) {
			b.overfill()
			b.step()
			b.finishDispatch()
			b.giveTurns()
		}},
		{"the writer rests between mustDrain and awaitDrain", func(b *testSession) {
			b.overfill()
			if !b.mustDrain() {
				b.t.Fatal("the request need not wait, want it to")
			}
			b.giveTurns()
			b.awaitDrain()
			b.finishDispatch()
			b.giveTurns()
		}},
		{"awaitDrain is called after the writer has written everything and before it rests", func(b *testSession) {
			b.overfill()
			full := b.mustDrain()
			a := b.takeActive()
			b.drain(a)
			b.awaitDrain()
			b.rest(a)
			b.finishDispatch()
			if !full {
				b.t.Fatal("the request need not wait, want it to")
			}
		}},
		{"the queue counts as full, and the connection is idle", func(b *testSession) {
			b.overfill()
			a := b.takeActive()
			ch := a.Take()
			if a.Rest() {
				b.t.Fatal("there is more to write")
			}
			b.step()
			b.finishDispatch()
			b.release(a.Consumer, piece{ch: ch}) // was counted until now
			b.giveTurns()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newTestSession(t)
			b.inbox.put(&message{data: []byte(subscribeRequest)})
			c.steps(b)
			b.wantRequestScheduled()
		})
	}
}

// The same with both at the same time, many times: the dispatcher calls awaitDrain
// while the writer goes to rest.
func TestWaitingRequestIsResumedBesideTheWriter(t *testing.T) {
	b := newTestSession(t)
	b.inbox.put(&message{data: []byte(subscribeRequest)})
	b.dispatching.Store(dispatchIdle)
	const rounds = 150_000
	var begun, noted atomic.Int64
	var other sync.WaitGroup
	other.Go(func() {
		for n := int64(1); n <= rounds; n++ {
			for begun.Load() < n {
				runtime.Gosched()
			}
			for range n % 40 { // so that the two meet at another point each time
				_ = b.mustDrain()
			}
			b.awaitDrain()
			noted.Store(n)
		}
	})
	defer other.Wait()
	for n := int64(1); n <= rounds; n++ {
		b.conn.Schedule()
		a := b.takeActive()
		begun.Store(n)
		for range n % 41 {
			b.drain(a)
		}
		b.rest(a)
		for noted.Load() < n {
			runtime.Gosched()
		}
		b.giveTurns()
		if b.srv.queue.takeAll() == nil {
			t.Errorf("round %d: the request waits, and the session is not in the dispatch queue", n)
			begun.Store(rounds)
			return
		}
		b.next = nil
		b.dispatching.Store(dispatchIdle)
	}
}

// Requests wait while too many bytes of replies are unsent, and go on when they are
// sent.
func TestRequestsWaitForReplies(t *testing.T) {
	b := newTestSession(t)
	for n := 0; b.task() != taskNone || n == 0; n++ {
		if b.replies.Load() > maxReplyBytes {
			t.Fatalf("a request is carried out with %d bytes of unsent replies, want %d at most", b.replies.Load(), maxReplyBytes)
		}
		b.inbox.put(&message{data: []byte(`{"type":"ping"}`)})
		b.inbox.take()
		b.reply([]byte("pong"))
		b.inbox.put(&message{data: []byte(`{"type":"ping"}`)})
	}
	b.finishDispatch()
	b.giveTurns()
	b.wantRequestScheduled()
	if n := b.replies.Load(); n != 0 {
		t.Errorf("%d bytes of replies are counted after all were written, want 0", n)
	}
}

// awaitAccess has a request wait for an access decision until end is called.
func (b *testSession) awaitAccess() (end func()) {
	answered := make(chan struct{})
	b.srv.requestAuth.start(context.Background())
	b.awaitAuth(&authWait{ask: func(context.Context) answer { <-answered; return answer{} }, then: func(answer) {}})
	return func() { close(answered); b.srv.requestAuth.workers.Wait() }
}

// Whatever a session waits for, a dispatcher sees it when it comes: the one that is
// about to rest, or another one that is queued then.
func TestEveryWaitIsEnded(t *testing.T) {
	for _, c := range []struct {
		name string
		wait func(b *testSession) (end func())
		want task
	}{
		{"a request", func(b *testSession) func() {
			return func() { b.inbox.put(&message{data: []byte(subscribeRequest)}); b.schedule() }
		}, taskRequest},
		{"a command of the shards", func(b *testSession) func() { return b.begin(nil) }, taskAfterCommand},
		{"an access decision", func(b *testSession) func() {
			return b.awaitAccess()
		}, taskAnswer},
		{"the result of a check of the session", func(b *testSession) func() {
			c := &sessionCheck{s: b.session}
			b.check.Store(c)
			b.checkWanted.Store(true) // one at a time
			return c.notify
		}, taskDecision},
		{"the end of a grace", func(b *testSession) func() {
			b.srv.sessions.Store(b.id, b.session)
			b.graceEnds.Store(1)
			return b.srv.findEndedGraces
		}, taskGrace},
		{"a check of the session, while a request waits for access", func(b *testSession) func() {
			b.t.Cleanup(b.awaitAccess())
			return b.requestCheck
		}, taskCheck},
		{"the end of reading, while a request waits for access", func(b *testSession) func() {
			b.t.Cleanup(b.awaitAccess())
			return func() { b.life.Store(lifeReadEnded); b.schedule() }
		}, taskLeave},
		{"the end of reading", func(b *testSession) func() {
			return func() { b.life.Store(lifeReadEnded); b.schedule() }
		}, taskLeave},
		{"the end of reading, while a request waits for the writer", func(b *testSession) func() {
			b.overfill()
			b.inbox.put(&message{data: []byte(subscribeRequest)})
			return func() { b.life.Store(lifeReadEnded); b.schedule() }
		}, taskLeave},
		{"a check of the session", func(b *testSession) func() { return b.requestCheck }, taskCheck},
		{"the writer", func(b *testSession) func() {
			b.overfill()
			b.inbox.put(&message{data: []byte(subscribeRequest)})
			return b.giveTurns
		}, taskRequest},
	} {
		for _, rests := range []string{"before", "after"} {
			t.Run(c.name+", "+rests+" the dispatcher rests", func(t *testing.T) {
				b := newTestSession(t)
				end := c.wait(b)
				if b.step() {
					t.Fatal("the session has a task, want it to wait")
				}
				if rests == "before" {
					end()
					b.finishDispatch()
				} else {
					b.finishDispatch()
					end()
				}
				if queued := b.srv.queue.head.Load() == b.session; !queued || b.task() != c.want {
					t.Errorf("queued %v with task %d, want true with %d", queued, b.task(), c.want)
				}
			})
		}
	}
}
