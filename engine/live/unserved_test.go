package live

import (
	"testing"

	"pitwall/shard"
)

// dialSession connects a client, and returns its session.
func (r *rig) dialSession(raw string) (*rawClient, *session) {
	r.t.Helper()
	w := r.dial(raw)
	eventually(r.t, "the session", func() bool { return r.srv.sessions.Size() == 1 })
	return w, r.newestSession()
}

// takeActive takes the only connection off its run queue, as its writer does, and
// fails with the message otherwise if it is not there.
func (r *rig) takeActive(otherwise string) shard.Active {
	r.t.Helper()
	var list shard.ConnList
	r.core.Queue(0).TakeInto(&list, &list, 0)
	a, ok := list.Next()
	if !ok {
		r.t.Fatal(otherwise)
	}
	return a
}

// The answer to a ping that was read early is written after the answer to the
// handshake: HTTP comes first.
func TestPongComesAfterTheHandshake(t *testing.T) {
	t.Parallel()
	r := startUnserved(t)
	w, s := r.dialSession(handshake + string(masked(fin|opPing, "early")))
	eventually(t, "the ping to be read", func() bool { return s.pong.Load() != nil })
	r.serve()
	w.awaitUpgrade()
	w.awaitWelcome()
	if op, p := w.nextFrame(); op != opPong || p != "early" {
		t.Errorf("got opcode %#x with payload %q, want the pong", op, p)
	}
}

// Pongs and close frames do not go through the queue. One that comes after the writer
// has looked for it, but before the connection is idle, is still written.
func TestEndOfTurnChecksAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		bring func(*session)
		read  func(*rawClient)
	}{
		{"a pong", func(s *session) { handler{}.OnPing(s.ws, []byte("late")) }, func(w *rawClient) {
			if op, p := w.nextFrame(); op != opPong || p != "late" {
				w.t.Errorf("got opcode %#x with payload %q, want the pong", op, p)
			}
		}},
		{"a close frame", func(s *session) { s.close(1008, "enough") }, func(w *rawClient) { w.awaitClose(1008) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := startUnserved(t)
			writer := r.srv.writers[0]
			w, s := r.dialSession(handshake)
			writer.turn(r.takeActive("the connection is not in its run queue with the answer to the handshake"))
			w.awaitUpgrade()
			w.awaitWelcome()
			s.conn.Schedule()
			a := r.takeActive("the connection is not in its run queue after Schedule")
			c.bring(s) // the turn has looked already
			s.rest(a)
			writer.turn(r.takeActive("the connection is idle, and what has come is not written"))
			c.read(w)
		})
	}
}

// A connection that is closed while its writer has chunks for it releases them.
func TestClosedConnectionReleasesItsChunks(t *testing.T) {
	t.Parallel()
	r := startUnserved(t)
	_, s := r.dialSession(handshake)
	topic, ok := r.core.Watch("e")
	if !ok {
		t.Fatal("event e does not exist")
	}
	defer r.core.Unwatch(topic)
	subscribed := make(chan struct{})
	r.core.Subscribe(s.conn, topic, 0, func() { close(subscribed) })
	<-subscribed
	r.publish("a")
	eventually(t, "a live chunk", func() bool { return r.core.Stats().OutstandingBytes > 0 })
	a := r.takeActive("the connection is not in its run queue")
	s.cut()
	r.srv.writers[0].turn(a)
	r.awaitHeldBytes(0)
}

// Before a dispatcher rests, it looks whether the session has a task. It must see
// every task that a dispatcher can carry out, and no other, or it would never rest.
func TestTaskSeesAllWork(t *testing.T) {
	t.Parallel()
	r := startUnserved(t)
	_, s := r.dialSession(handshake)
	answered, checked := &authWait{}, &sessionCheck{}
	answered.answered.Store(true)
	checked.unread.Store(true)
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
		{name: "a check of the session", recheck: true, want: true},
		{name: "the end of reading", life: lifeReadEnded, want: true},
		{name: "the end of reading, with its last command under way", life: lifeLeft},
		{name: "a command under way", command: commandUnderWay, recheck: true, request: true, life: lifeReadEnded},
		{name: "a command that is done", command: commandDone, want: true},
		{name: "a request, while another waits for access", wait: &authWait{}, request: true},
		{name: "a check, while a request waits for access", wait: &authWait{}, recheck: true, request: true, want: true},
		{name: "an access decision", wait: answered, want: true},
		{name: "the end of reading, while a request waits for access", wait: &authWait{}, life: lifeReadEnded, want: true},
		{name: "a request that waits for access, with the last command under way", wait: &authWait{}, life: lifeLeft},
		{name: "a check, while another is under way", check: &sessionCheck{}, recheck: true},
		{name: "a request, while a check is under way", check: &sessionCheck{}, request: true, want: true},
		{name: "a check that is answered, while a request waits for access", check: checked, wait: &authWait{}, want: true},
		{name: "the end of a grace, while a request waits for access", wait: &authWait{}, graceOver: true, want: true},
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
			t.Errorf("%s: got task %v, want one: %v", c.name, got, c.want)
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
