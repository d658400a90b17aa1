package live

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

// unserved is a rig with one shard and event e with device a, whose live server
// does not run before serve: connections are upgraded and read, but nothing is
// written and no request is carried out, so that a test can take these steps one
// at a time.
func unserved(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	core, err := shard.New(shard.Config{Shards: 1, Writers: 1, Window: 5 * time.Millisecond, FutureTolerance: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	set := metrics.NewSet()
	o := Options{
		Core: core, Writers: 1, Access: &accessRule{}, InstanceID: "test", Logger: slog.New(slog.DiscardHandler), Metrics: set,
		MaxConnections: 10, MaxSubscriptions: 10, MaxMessageBytes: 4096, RequestRate: 1e6, RequestBurst: 1e6,
		Heartbeat: time.Hour, WriteTimeout: time.Hour,
	}
	for _, f := range change {
		f(&o)
	}
	srv, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, core: core, srv: srv, set: set, addr: l.Addr().String(), http: &http.Server{Handler: srv},
		names: set.ListMetricNames(), liveDone: make(chan struct{}), latest: map[string]int64{}}
	r.clock.Store(time.Now().UnixMilli() - 1000_000)
	ctx, endCore := context.WithCancel(context.Background())
	var own sync.WaitGroup
	own.Go(func() { _ = core.Run(ctx) })
	own.Go(func() {
		if err := r.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		_ = r.http.Close()
		r.serve()
		r.stop()
		endCore()
		own.Wait()
	})
	r.swap(map[string][]string{"e": {"a"}})
	return r
}

// serve runs the live server from now on, until the test ends.
func (r *rig) serve() {
	if r.endLive != nil {
		return
	}
	var ctx context.Context
	ctx, r.endLive = context.WithCancel(context.Background())
	go func() {
		defer close(r.liveDone)
		_ = r.srv.Run(ctx)
	}()
}

// arrives opens a connection and returns its session.
func (r *rig) arrives(raw string) (*wire, *session) {
	r.t.Helper()
	w := r.open(raw)
	testenv.Eventually(r.t, patience, "the session", func() bool { return r.srv.sessions.Size() == 1 })
	return w, r.newest()
}

// active takes the one connection off its run queue, as its writer does, or fails
// with otherwise.
func (r *rig) active(otherwise string) shard.Active {
	r.t.Helper()
	var list shard.ConnList
	r.core.Queue(0).TakeInto(&list, &list, 0)
	a, ok := list.Next()
	if !ok {
		r.t.Fatal(otherwise)
	}
	return a
}

// A ping that is read before the answer to the handshake is written does not
// overtake it: what comes first must be HTTP.
func TestPongComesAfterTheHandshake(t *testing.T) {
	t.Parallel()
	r := unserved(t)
	w, s := r.arrives(handshake + string(masked(fin|opPing, "early")))
	testenv.Eventually(t, patience, "the ping to be read", func() bool { return s.pong.Load() != nil })
	r.serve()
	w.upgraded()
	w.welcome()
	if op, p := w.frame(); op != opPong || p != "early" {
		t.Errorf("got %x %q, want the pong", op, p)
	}
}

// What does not go through the ring and comes after a writer has looked for it,
// but before the connection is idle, is written all the same.
func TestEndOfTurnChecksAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		bring func(*session)
		read  func(*wire)
	}{
		{"a pong", func(s *session) { handler{}.OnPing(s.ws, []byte("late")) }, func(w *wire) {
			if op, p := w.frame(); op != opPong || p != "late" {
				w.t.Errorf("got %x %q, want the pong", op, p)
			}
		}},
		{"a close frame", func(s *session) { s.close(1008, "enough") }, func(w *wire) { w.closed(1008) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := unserved(t)
			writer := r.srv.writers[0]
			w, s := r.arrives(handshake)
			writer.turn(r.active("the answer to the handshake does not bring the connection to its writer"))
			w.upgraded()
			w.welcome()
			s.conn.Schedule()
			a := r.active("the connection is not idle after its turn")
			c.bring(s) // the turn under way has found nothing
			s.rest(a)
			writer.turn(r.active("the connection is idle, and nobody writes what has come"))
			c.read(w)
		})
	}
}

// A connection that was hung up while its writer had chunks for it lets go of
// them.
func TestClosedConnectionReleasesItsChunks(t *testing.T) {
	t.Parallel()
	r := unserved(t)
	_, s := r.arrives(handshake)
	topic, ok := r.core.Watch("e")
	if !ok {
		t.Fatal("the event is not there")
	}
	defer r.core.Unwatch(topic)
	subscribed := make(chan struct{})
	r.core.Subscribe(s.conn, topic, 0, func() { close(subscribed) })
	<-subscribed
	r.publish("a")
	testenv.Eventually(t, patience, "a chunk of the live flow", func() bool { return r.core.Stats().Held > 0 })
	a := r.active("the connection is not in its run queue")
	s.cut()
	r.srv.writers[0].turn(a)
	r.held(0)
}

// A dispatcher that gives a session back looks for work once more. What it must
// see is all that a dispatcher would carry out, and nothing else, or it would
// turn for ever.
func TestTaskSeesAllWork(t *testing.T) {
	t.Parallel()
	r := unserved(t)
	_, s := r.arrives(handshake)
	answered, examined := &authWait{}, &sessionCheck{}
	answered.answered.Store(true)
	examined.unread.Store(true)
	for _, c := range []struct {
		name      string
		command   uint32
		wait      *authWait
		check     *sessionCheck
		recheck   bool
		graceOver bool
		request   bool
		life      uint32
		want      bool
	}{
		{name: "nothing"},
		{name: "a request", request: true, want: true},
		{name: "a review", recheck: true, want: true},
		{name: "the end", life: lifeReadEnded, want: true},
		{name: "the end, which is under way", life: lifeLeft},
		{name: "a command under way", command: commandUnderWay, recheck: true, request: true, life: lifeReadEnded},
		{name: "a command that is done", command: commandDone, want: true},
		{name: "a question", wait: &authWait{}, request: true},
		{name: "a question, and a review", wait: &authWait{}, recheck: true, request: true, want: true},
		{name: "a question that is answered", wait: answered, want: true},
		{name: "a question, and the end", wait: &authWait{}, life: lifeReadEnded, want: true},
		{name: "a question, and the end under way", wait: &authWait{}, life: lifeLeft},
		{name: "a review under way, and another", check: &sessionCheck{}, recheck: true},
		{name: "a review under way, and a request", check: &sessionCheck{}, request: true, want: true},
		{name: "a review that is answered, and a question", check: examined, wait: &authWait{}, want: true},
		{name: "the clock, and a question", wait: &authWait{}, graceOver: true, want: true},
	} {
		s.command.Store(c.command)
		s.authWait.Store(c.wait)
		s.check.Store(c.check)
		s.checkWanted.Store(c.recheck)
		s.graceOver.Store(c.graceOver)
		s.life.Store(c.life)
		if c.request {
			s.inbox.put(&message{data: []byte(`{"type":"ping"}`)})
		}
		if got := s.task(); (got != taskNone) != c.want {
			t.Errorf("%s: the task is %v, want one: %v", c.name, got, c.want)
		}
		if c.request {
			s.inbox.take()
		}
	}
	s.command.Store(commandNone)
	s.authWait.Store(nil)
	s.check.Store(nil)
	s.graceOver.Store(false)
	s.life.Store(lifeReading)
}
