package live

import "pitwall/codec"

// task is what a session can do next.
type task uint8

const (
	taskNone         task = iota
	taskAfterCommand      // the command is done: what follows it
	taskLeave
	taskDecision    // something was decided about the session
	taskGrace       // look which grace has ended
	taskAnswer      // the decision that a request waits for is there
	taskReauthorize // have the session checked again
	taskRequest     // carry out the next request
)

// task is what s can do next. It is the only place that decides so, for the
// dispatcher that carries it out and for the one that is about to rest. Where the
// answer is nothing, a comment names who ends the wait, and each of those calls
// schedule. It reads only what is shared: the session may be another dispatcher's by
// now.
func (s *session) task() task {
	switch s.command.Load() {
	case commandUnderWay:
		return taskNone // the last shard
	case commandDone:
		return taskAfterCommand
	}
	check, wait := s.check.Load(), s.authWait.Load()
	life := s.life.Load()
	switch {
	case life == lifeLeft:
		return taskNone // nobody
	case life == lifeReadEnded:
		return taskLeave
	case check != nil && check.unread.Load():
		return taskDecision
	case s.graceOver.Load():
		return taskGrace
	case wait != nil && wait.answered.Load():
		return taskAnswer
	case s.checkWanted.Load() && (check == nil || check.generation.Load() != s.srv.generation.Load()):
		return taskReauthorize
	case wait != nil:
		return taskNone // the answer
	case s.inbox.empty():
		return taskNone // the reader
	case s.throttled.Load():
		return taskNone // the timer of throttle
	case s.mustDrain():
		s.awaitDrain()
		return taskNone // the writer
	case s.overAllowance():
		return taskNone // the timer
	}
	return taskRequest
}

// mustDrain reports whether the client has to read before its next request is
// carried out: too many replies are not written, or the request brings a snapshot
// and the queue is full. The queue's own bound holds for neither.
func (s *session) mustDrain() bool {
	return s.replies.Load() > maxReplyBytes || s.conn.Full() && s.inbox.nextSubscribes()
}

// awaitDrain has the writer schedule s when it has written all. A connection that
// is idle has a turn at once: its writer would not come otherwise.
//
// Memory ordering: resume is set before the connection's state is looked at. The
// writer sets the state to idle before it looks at resume (see session.lookAgain).
// One of the two sees the other.
func (s *session) awaitDrain() {
	s.resume.Store(true)
	s.conn.Schedule()
}

// subscribes reports whether a message asks for a topic, and so for a snapshot. A
// compressed one may: it is not inflated just to be looked at.
func (m *message) subscribes() bool {
	if m.compressed {
		return true
	}
	var r codec.Request
	return codec.ParseRequest(&r, m.data) == nil && r.Type == codec.RequestSubscribe
}
