package live

import (
	"context"
	"sync/atomic"
)

// States of a session towards the dispatchers.
const (
	sessionIdle = iota
	sessionQueued
)

// dispatchQueue holds the sessions that have requests to carry out. Readers
// add, and shards when a command is done; neither may ever wait, so it is an
// intrusive list like the shards' inboxes, and a session is in it at most once.
//
// Memory ordering: as in shard.RunQueue. A session returns to idle before it
// looks for work once more, so a schedule that saw it queued is not lost.
type dispatchQueue struct {
	head atomic.Pointer[session]
	wake chan struct{}
}

func (q *dispatchQueue) put(s *session) {
	for {
		old := q.head.Load()
		s.next = old
		if q.head.CompareAndSwap(old, s) {
			break
		}
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// all takes every session, longest waiting first.
func (q *dispatchQueue) all() *session {
	var first *session
	for s := q.head.Swap(nil); s != nil; {
		next := s.next
		s.next = first
		first, s = s, next
	}
	return first
}

// schedule has a dispatcher look at s. Any goroutine may call it.
func (s *session) schedule() {
	if s.state.CompareAndSwap(sessionIdle, sessionQueued) {
		s.srv.queue.put(s)
	}
}

// dispatch is a dispatcher goroutine.
func (srv *Server) dispatch(ctx context.Context) {
	for {
		select {
		case <-srv.queue.wake:
		case <-ctx.Done():
			return
		}
		for s := srv.queue.all(); s != nil; {
			next := s.next
			s.next = nil
			s.work()
			s = next
		}
	}
}

// work carries out what a session has waiting, one thing at a time.
func (s *session) work() {
	for {
		for s.step() {
		}
		if s.idle() {
			return
		}
	}
}

// idle ends a dispatcher's work at s; false when there is more to do.
//
// Memory ordering: the session returns to idle before it is looked at once more,
// and whatever it may wait for changes before it calls schedule. So one of the
// two sees the other.
func (s *session) idle() bool {
	s.state.Store(sessionIdle)
	return s.task() == taskNone || !s.state.CompareAndSwap(sessionIdle, sessionQueued)
}

// step does one thing; false when there is nothing to do now.
func (s *session) step() bool {
	switch s.task() {
	case taskNone:
		if s.command.Load() == commandNone && s.inquiry.Load() == nil {
			s.inbox.done()
		}
		return false
	case taskFollow:
		s.command.Store(commandNone)
		if then := s.then; then != nil {
			s.then = nil
			then() // which may begin the next command
		}
	case taskLeave:
		s.left.Store(true)
		s.leave()
	case taskJudge:
		s.learn(s.exam.Load())
	case taskLapse:
		s.lapse()
	case taskHear:
		s.hear(s.inquiry.Load())
	case taskReview:
		s.attend()
	case taskRequest:
		m := s.inbox.take()
		if text, ok := s.text(m); ok {
			s.request(text)
		}
	}
	return true
}

// States of a session's command with the shards.
const (
	commandNone     = iota
	commandUnderWay // nothing else is carried out until it is done
	commandDone     // done; then is still to be called
)

// begin marks a command as under way and returns what its last shard calls.
// then, if not nil, is called by a dispatcher afterwards: it may take locks,
// which a shard must not.
func (s *session) begin(then func()) (done func()) {
	s.then = then
	s.command.Store(commandUnderWay)
	return func() {
		s.command.Store(commandDone)
		s.schedule()
	}
}

// leave takes the session out of everything. It is its last command.
func (s *session) leave() {
	s.abandon()
	if in := s.inquiry.Swap(nil); in != nil {
		s.srv.clients.drop(&in.waiter)
	}
	topics := s.topics
	s.topics = nil
	s.srv.core.Leave(s.conn, s.begin(func() {
		for _, w := range topics {
			s.srv.core.Unwatch(w.topic)
		}
		s.srv.m.subscriptions.Add(-float64(len(topics)))
		s.watches.Store(0)
		s.srv.forget(s)
	}))
}
