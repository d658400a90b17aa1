package live

import (
	"context"
	"sync/atomic"

	"pitwall/codec"
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

// work carries out what a session has waiting, one command at a time.
func (s *session) work() {
	for {
		for s.step() {
		}
		s.state.Store(sessionIdle)
		if !s.waiting() || !s.state.CompareAndSwap(sessionIdle, sessionQueued) {
			return
		}
	}
}

// waiting reports whether step would find something to do.
func (s *session) waiting() bool {
	switch s.command.Load() {
	case commandUnderWay:
		return false
	case commandDone:
		return true
	case commandAsking:
		return s.ending.Load() && !s.left.Load()
	}
	if s.ending.Load() {
		return !s.left.Load()
	}
	if s.review.Load() {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.inbound) > 0 && !(s.conn.Full() && brings(s.inbound[0]))
}

// step does one thing; false when there is nothing to do now.
func (s *session) step() bool {
	switch s.command.Load() {
	case commandUnderWay:
		return false
	case commandAsking: // who leaves waits for no answer
		if !s.ending.Load() || !s.command.CompareAndSwap(commandAsking, commandNone) {
			return s.command.Load() == commandDone
		}
		s.then = nil
	case commandDone:
		s.command.Store(commandNone)
		if then := s.then; then != nil {
			s.then = nil
			then() // which may begin the next command
			return true
		}
	}
	if s.ending.Load() {
		if s.left.Swap(true) {
			return false
		}
		s.leave()
		return true
	}
	if len(s.dropping) > 0 || s.review.Load() {
		s.attend()
		return true
	}
	s.mu.Lock()
	if len(s.inbound) == 0 {
		s.inbound = nil
		s.mu.Unlock()
		return false
	}
	next := s.inbound[0]
	if s.holdBack(next) {
		s.mu.Unlock()
		return false
	}
	s.inbound = s.inbound[1:]
	s.mu.Unlock()
	if text, ok := s.text(next); ok {
		s.request(text)
	}
	return true
}

// holdBack reports whether the next request of s has to wait because it brings
// a snapshot and the queue is full: snapshots are not bounded by the ring, and
// this one would stand at its end in any case. The writer goes on with the
// requests once it has written all.
//
// Memory ordering: stalled is set before the queue is looked at again; the
// writer takes chunks off the queue before it looks at stalled. One of the two
// sees the other.
func (s *session) holdBack(next message) bool {
	if !s.conn.Full() || !brings(next) {
		return false
	}
	s.stalled.Store(true)
	return s.conn.Full()
}

// brings reports whether a message asks for a topic. A compressed one may: it
// is not inflated just to be looked at.
func brings(m message) bool {
	if m.deflated {
		return true
	}
	var r codec.Request
	return codec.ParseRequest(&r, m.data) == nil && r.Type == codec.RequestSubscribe
}

// States of a session's command with the shards.
const (
	commandNone     = iota
	commandUnderWay // nothing else is carried out until it is done
	commandAsking   // nothing else is carried out until it is answered, but for leaving
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
	topics := s.topics
	s.topics = nil
	s.srv.core.Leave(s.conn, s.begin(func() {
		for _, w := range topics {
			s.srv.core.Unwatch(w.topic)
		}
		s.srv.m.subscriptions.Add(-float64(len(topics)))
		s.srv.forget(s)
	}))
}
