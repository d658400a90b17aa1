package live

import (
	"context"
	"sync/atomic"

	"pitwall/engine/internal/pace"
)

// dispatchers is how many goroutines carry out requests. They share one queue, and never
// wait for the shards or for a decision about access: the session keeps what follows the
// wait (afterCommand, authWait.then), and is queued again when the wait is over. If they
// waited, only this many sessions could wait for a snapshot at a time, and a slow platform
// could block all dispatchers.
const dispatchers = 2

// Values of session.dispatching; see session.
const (
	dispatchIdle = iota
	dispatchQueued
)

// dispatchQueue holds the sessions that have something to carry out. Readers add to it,
// and shards when a command is done. Neither may wait, so it is an intrusive list like
// the shards' inboxes. A session is in it at most once.
//
// Memory ordering: as in shard.RunQueue. A session returns to idle before its tasks are
// looked at once more, so a call of schedule that found it queued is not lost.
type dispatchQueue struct {
	head atomic.Pointer[session]
	wake pace.Signal
}

// put adds a session that has just become dispatchQueued. Any goroutine may call it.
func (q *dispatchQueue) put(s *session) {
	for {
		old := q.head.Load()
		s.next = old
		if q.head.CompareAndSwap(old, s) {
			break
		}
	}
	q.wake.Set()
}

// takeAll takes every session, the one that waits longest first.
func (q *dispatchQueue) takeAll() *session {
	var first *session
	for s := q.head.Swap(nil); s != nil; {
		next := s.next
		s.next = first
		first, s = s, next
	}
	return first
}

// schedule has a dispatcher look at the tasks of s. Any goroutine may call it.
func (s *session) schedule() {
	if s.dispatching.CompareAndSwap(dispatchIdle, dispatchQueued) {
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
		for s := srv.queue.takeAll(); s != nil; {
			next := s.next
			s.next = nil
			s.work()
			s = next
		}
	}
}

// work carries out the tasks of a session, one after the other.
func (s *session) work() {
	for s.step() || !s.idle() {
	}
}

// idle ends a dispatcher's work on s; it is false if there is more to do.
//
// Memory ordering: the session returns to idle before its tasks are looked at once more,
// and whatever it waits for changes before schedule is called. So one of the two sees
// the other.
func (s *session) idle() bool {
	s.dispatching.Store(dispatchIdle)
	return s.task() == taskNone || !s.dispatching.CompareAndSwap(dispatchIdle, dispatchQueued)
}

// step carries out one task; it is false if there is none now.
func (s *session) step() bool {
	switch s.task() {
	case taskNone:
		if s.command.Load() == commandNone && s.authWait.Load() == nil {
			s.inbox.done()
		}
		return false
	case taskAfterCommand:
		s.command.Store(commandNone)
		if after := s.afterCommand; after != nil {
			s.afterCommand = nil
			after() // which may begin the next command
		}
	case taskLeave:
		s.life.Store(lifeLeft)
		s.leave()
	case taskDecision:
		s.takeDecision(s.check.Load())
	case taskGrace:
		s.endGraces()
	case taskAnswer:
		s.takeAnswer(s.authWait.Load())
	case taskCheck:
		s.startCheck()
	case taskRequest:
		m := s.inbox.take()
		if text, ok := s.text(m); ok {
			s.request(text)
		}
	}
	return true
}

// Values of session.command; see session.
const (
	commandNone     = iota
	commandUnderWay // no task until it is done
	commandDone     // afterCommand is still to be called
)

// begin marks a command as under way. The last shard that has carried it out must call
// done. after, if not nil, is then called by a dispatcher: it may take locks, which a
// shard must not.
func (s *session) begin(after func()) (done func()) {
	s.afterCommand = after
	s.command.Store(commandUnderWay)
	return func() {
		s.command.Store(commandDone)
		s.schedule()
	}
}

// leave takes the session out of the core and the server. It is its last command.
func (s *session) leave() {
	s.inbox.clear()
	if s.throttleTimer != nil {
		s.throttleTimer.Stop()
	}
	s.dropCheck()
	if w := s.authWait.Swap(nil); w != nil {
		s.srv.requestAuth.drop(&w.waiter)
	}
	ended := s.subscriptions
	s.subscriptions = nil
	s.srv.core.Leave(s.conn, s.begin(func() {
		for _, sub := range ended {
			s.srv.core.Unwatch(sub.topic)
		}
		s.srv.m.subscriptions.Add(-float64(len(ended)))
		s.subscribed.Store(0)
		s.srv.forget(s)
	}))
}
