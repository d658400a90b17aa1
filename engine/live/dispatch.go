package live

import (
	"context"
	"sync/atomic"
)

// dispatchers is how many goroutines carry out requests. They share one queue.
// Neither ever waits, for the shards or for a decision about access: what follows
// a wait is kept in the session (afterCommand, authWait.then), and the session is
// queued again when the wait is over. In a pool whose workers waited, only as many
// sessions as it has workers could wait for a snapshot at a time, where all that
// come back after a restart share one, and a slow platform could hold every worker.
const dispatchers = 2

// Values of session.dispatching; see session.
const (
	dispatchIdle = iota
	dispatchQueued
)

// dispatchQueue holds the sessions that have something to carry out. Readers
// add, and shards when a command is done. Neither may ever wait, so it is an
// intrusive list like the shards' inboxes, and a session is in it at most once.
//
// Memory ordering: as in shard.RunQueue. A session returns to idle before it
// looks for work once more, so a schedule that saw it queued is not lost.
type dispatchQueue struct {
	head atomic.Pointer[session]
	wake chan struct{}
}

// put adds a session that is queued by its state. Any goroutine may call it.
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

// takeAll takes every session, longest waiting first.
func (q *dispatchQueue) takeAll() *session {
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
	s.dispatching.Store(dispatchIdle)
	return s.task() == taskNone || !s.dispatching.CompareAndSwap(dispatchIdle, dispatchQueued)
}

// step does one thing; false when there is nothing to do now.
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
		s.endGrace()
	case taskAnswer:
		s.takeAnswer(s.authWait.Load())
	case taskReauthorize:
		s.reauthorize()
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
	commandUnderWay // nothing else is carried out until it is done
	commandDone     // afterCommand is still to be called
)

// begin marks a command as under way and returns what its last shard calls.
// after, if not nil, is called by a dispatcher afterwards: it may take locks,
// which a shard must not.
func (s *session) begin(after func()) (done func()) {
	s.afterCommand = after
	s.command.Store(commandUnderWay)
	return s.commandDone
}

// commandDone is called by the last shard that has carried out the command.
func (s *session) commandDone() {
	s.command.Store(commandDone)
	s.schedule()
}

// leave takes the session out of everything. It is its last command.
func (s *session) leave() {
	s.inbox.clear()
	if s.throttleTimer != nil {
		s.throttleTimer.Stop()
	}
	s.dropCheck()
	if w := s.authWait.Swap(nil); w != nil {
		s.srv.requestAuth.drop(&w.waiter)
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
