package live

import "time"

// A connection has an allowance of snapshots, in bytes: a subscribe is a line
// of text, and the snapshot that it brings may be megabytes. How large that is
// shows when it is sent, so it is paid for afterwards: paidUntil is the moment by
// which all snapshots so far are paid for at Options.SnapshotRate. While that is
// further off than Options.SnapshotBurst takes, the next subscribe waits.
//
// An honest client subscribes to what it watches once per connection, which the
// burst is for, and changes at the pace of its user afterwards. Snapshots that
// bring a slow client up to date again are not counted: it did not ask for them.

// Values of session.allowanceWait.
const (
	allowanceNone  = iota
	allowanceTimed // a timer will schedule the session
	allowanceOver  // it has; the subscribe that waits was not carried out yet
)

// longestWait is after what time a session that waits is looked at again, so
// that its timer does not outlive it for long.
const longestWait = time.Second

// snapshotDebt is how long the session's next snapshot has to wait.
func (s *session) snapshotDebt() time.Duration {
	until, o := s.paidUntil.Load(), &s.srv.opts
	if until == 0 {
		return 0
	}
	return time.Duration(until-s.srv.core.Now()) - atRate(o.SnapshotBurst, o.SnapshotRate)
}

// atRate is how long so many bytes take.
func atRate(bytes, rate float64) time.Duration {
	return time.Duration(bytes / rate * float64(time.Second))
}

// overAllowance reports whether the next request has to wait for the session's
// allowance. If so, a timer schedules the session. The dispatchers call it.
func (s *session) overAllowance() bool {
	d := s.snapshotDebt()
	if d <= 0 || !s.inbox.nextSubscribes() {
		return false
	}
	first := s.allowanceWait.CompareAndSwap(allowanceNone, allowanceTimed)
	if first {
		s.srv.m.held.Inc()
	}
	if first || s.allowanceWait.CompareAndSwap(allowanceOver, allowanceTimed) {
		time.AfterFunc(min(d, longestWait), s.allowanceTimer)
	}
	return true
}

// allowanceTimer runs on the timer's goroutine.
func (s *session) allowanceTimer() {
	s.allowanceWait.Store(allowanceOver)
	s.schedule()
}

// chargeSnapshot counts what a subscribe has brought. It follows the subscribe's
// command, on a dispatcher.
func (s *session) chargeSnapshot() {
	s.allowanceWait.CompareAndSwap(allowanceOver, allowanceNone)
	rate := s.srv.opts.SnapshotRate
	if bytes := s.conn.TakeSnapshotBytes(); rate > 0 && bytes > 0 {
		s.paidUntil.Store(max(s.paidUntil.Load(), s.srv.core.Now()) + int64(atRate(float64(bytes), rate)))
	}
}
