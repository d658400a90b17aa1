package live

import "pitwall/codec"

// task is what a session can do next.
type task uint8

const (
	taskNone         task = iota
	taskAfterCommand      // the command is done: call what follows it
	taskLeave             // the reader has ended: leave the core
	taskDecision          // apply what the check has decided so far
	taskGrace             // end what is beyond its grace
	taskAnswer            // continue the request whose answer has come
	taskCheck             // start a check of the session
	taskRequest           // carry out the next request
)

// task is what s can do next. Only this function decides it: for the dispatcher that
// carries it out, and for the one that is about to let go of s. Where the result is
// taskNone, a comment names what ends the wait by calling schedule. It reads shared
// state only, since s may be another dispatcher's by now.
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
		return taskCheck
	case wait != nil:
		return taskNone // the answer
	case s.inbox.peek() == nil:
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

// mustDrain reports whether the client has to read before its next request is carried
// out: too many replies are unwritten, or the request brings a snapshot and the queue is
// full. The queue's own bound covers neither replies nor snapshots.
func (s *session) mustDrain() bool {
	return s.replies.Load() > maxReplyBytes || s.conn.Full() && s.inbox.peek().subscribes()
}

// awaitDrain has the writer schedule s when it has written everything. An idle
// connection gets a turn at once; otherwise its writer would not look at it.
//
// Memory ordering: resume is set before the connection's state is read. The writer sets
// the state to idle before it reads resume (see session.lookAgain). So one of the two
// sees the other.
func (s *session) awaitDrain() {
	s.resume.Store(true)
	s.conn.Schedule()
}

// subscribes reports whether a message may bring a snapshot; false for nil. It is true
// for compressed messages, which are not inflated just for this.
func (m *message) subscribes() bool {
	var r codec.Request
	return m != nil && (m.compressed || codec.ParseRequest(&r, m.data) == nil && r.Type == codec.RequestSubscribe)
}
