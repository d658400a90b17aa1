package live

import "pitwall/codec"

// task is what a session can do next.
type task uint8

const (
	taskNone   task = iota
	taskFollow      // the command is done: what follows it
	taskLeave
	taskJudge   // something was said about the session
	taskLapse   // look what the clock has ended
	taskHear    // what the client waits for is answered
	taskReview  // ask about the session again
	taskRequest // carry out the next request
)

// task is what s can do next. It is the only place that decides so, for who
// carries it out and for who is about to rest. Where the answer is nothing, it
// names who ends the wait, and each of those calls schedule. It reads only what is
// shared: the session may be another dispatcher's by now.
func (s *session) task() task {
	switch s.command.Load() {
	case commandUnderWay:
		return taskNone // the last shard
	case commandDone:
		return taskFollow
	}
	exam, inquiry := s.exam.Load(), s.inquiry.Load()
	switch {
	case s.ending.Load():
		if s.left.Load() {
			return taskNone // nobody: it has left
		}
		return taskLeave
	case exam != nil && exam.news.Load():
		return taskJudge
	case s.lapsed.Load():
		return taskLapse
	case inquiry != nil && inquiry.done.Load():
		return taskHear
	case s.review.Load() && (exam == nil || exam.generation.Load() != s.srv.generation.Load()):
		return taskReview
	case inquiry != nil:
		return taskNone // the answer
	case s.inbox.empty():
		return taskNone // the reader
	case s.throttled.Load():
		return taskNone // the timer of throttle
	case s.crowded():
		s.stall()
		return taskNone // the writer
	case s.overdrawn():
		return taskNone // the timer
	}
	return taskRequest
}

// crowded reports whether the client has to read before its next request is
// carried out: too many replies are not written, or the request brings a snapshot
// and the queue is full. The ring bounds neither.
func (s *session) crowded() bool {
	return s.replies.Load() > replyMost || s.conn.Full() && s.inbox.brings()
}

// stall has the writer schedule s when it has written all. A connection that is
// idle has a turn at once: its writer would not come otherwise.
//
// Memory ordering: stalled is set before the connection's state is looked at; the
// writer sets the state to idle before it looks at stalled (see
// session.lookAgain). One of the two sees the other.
func (s *session) stall() {
	s.stalled.Store(true)
	s.conn.Schedule()
}

// brings reports whether a message asks for a topic. A compressed one may: it
// is not inflated just to be looked at.
func (m *message) brings() bool {
	if m.deflated {
		return true
	}
	var r codec.Request
	return codec.ParseRequest(&r, m.data) == nil && r.Type == codec.RequestSubscribe
}
