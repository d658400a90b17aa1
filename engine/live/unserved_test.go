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
		Core: core, Writers: 1, Access: &doors{}, InstanceID: "test", Logger: slog.New(slog.DiscardHandler), Metrics: set,
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

// takes has the test take the one connection off its run queue, as its writer
// does. False: it is not there.
func (r *rig) takes() bool {
	var line shard.Line
	r.core.Queue(0).TakeInto(&line, &line, 0)
	return line.Next() != nil
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
func TestTheEndOfATurnLooksAgain(t *testing.T) {
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
			if !r.takes() {
				t.Fatal("the answer to the handshake does not bring the connection to its writer")
			}
			writer.turn(s)
			w.upgraded()
			w.welcome()
			s.conn.Schedule()
			if !r.takes() {
				t.Fatal("the connection is not idle after its turn")
			}
			c.bring(s) // the turn under way has found nothing
			if !s.rest() && !r.takes() {
				t.Fatal("the connection is idle, and nobody writes what has come")
			}
			writer.turn(s)
			c.read(w)
		})
	}
}

// A connection that was hung up while its writer had chunks for it lets go of
// them.
func TestHungUpConnectionLetsGoOfItsChunks(t *testing.T) {
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
	if !r.takes() {
		t.Fatal("the connection is not in its run queue")
	}
	s.cut()
	r.srv.writers[0].turn(s)
	r.held(0)
}

// A dispatcher that gives a session back looks for work once more. What it must
// see is all that a dispatcher would carry out, and nothing else, or it would
// turn for ever.
func TestTaskSeesAllWork(t *testing.T) {
	t.Parallel()
	r := unserved(t)
	_, s := r.arrives(handshake)
	answered, examined := &inquiry{}, &examination{}
	answered.done.Store(true)
	examined.news.Store(true)
	for _, c := range []struct {
		name         string
		command      uint32
		inquiry      *inquiry
		exam         *examination
		review       bool
		lapsed       bool
		request      bool
		ending, left bool
		want         bool
	}{
		{name: "nothing"},
		{name: "a request", request: true, want: true},
		{name: "a review", review: true, want: true},
		{name: "the end", ending: true, want: true},
		{name: "the end, which is under way", ending: true, left: true},
		{name: "a command under way", command: commandUnderWay, review: true, request: true, ending: true},
		{name: "a command that is done", command: commandDone, want: true},
		{name: "a question", inquiry: &inquiry{}, request: true},
		{name: "a question, and a review", inquiry: &inquiry{}, review: true, request: true, want: true},
		{name: "a question that is answered", inquiry: answered, want: true},
		{name: "a question, and the end", inquiry: &inquiry{}, ending: true, want: true},
		{name: "a question, and the end under way", inquiry: &inquiry{}, ending: true, left: true},
		{name: "a review under way, and another", exam: &examination{}, review: true},
		{name: "a review under way, and a request", exam: &examination{}, request: true, want: true},
		{name: "a review that is answered, and a question", exam: examined, inquiry: &inquiry{}, want: true},
		{name: "the clock, and a question", inquiry: &inquiry{}, lapsed: true, want: true},
	} {
		s.command.Store(c.command)
		s.inquiry.Store(c.inquiry)
		s.exam.Store(c.exam)
		s.review.Store(c.review)
		s.lapsed.Store(c.lapsed)
		s.ending.Store(c.ending)
		s.left.Store(c.left)
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
	s.inquiry.Store(nil)
	s.exam.Store(nil)
	s.lapsed.Store(false)
	s.ending.Store(false)
	s.left.Store(false)
}
