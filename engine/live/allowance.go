package live

import "time"

// A connection has an allowance of snapshots, in bytes: a subscribe is a line
// of text, and what it draws may be megabytes. How large a snapshot is shows
// when it is sent, so it is paid for afterwards: paid is the moment by which all
// that was drawn is paid for at Options.SnapshotRate. While that is further off
// than Options.SnapshotBurst takes, the next subscribe waits.
//
// An honest client subscribes to what it watches once per connection, which the
// burst is for, and changes at the pace of its user afterwards. Snapshots that
// bring a slow client up to date again are not counted: it did not ask for them.

// States of a session's wait for its allowance.
const (
	waitNone  = iota
	waitTimed // a timer will schedule the session
	waitOver  // it has; the subscribe that waits was not carried out yet
)

// longestWait is after what time a session that waits is looked at again, so
// that its timer does not outlive it for long.
const longestWait = time.Second

// overdraft is how long the session's next snapshot has to wait.
func (s *session) overdraft() time.Duration {
	paid, o := s.paid.Load(), &s.srv.opts
	if paid == 0 {
		return 0
	}
	return time.Duration(paid-s.srv.core.Now()) - atRate(o.SnapshotBurst, o.SnapshotRate)
}

// atRate is how long so many bytes take.
func atRate(bytes, rate float64) time.Duration {
	return time.Duration(bytes / rate * float64(time.Second))
}

// overdrawn reports whether the next request has to wait for the session's
// allowance. A timer schedules the session then.
func (s *session) overdrawn() bool {
	d := s.overdraft()
	if d <= 0 || !s.inbox.brings() {
		return false
	}
	first := s.wait.CompareAndSwap(waitNone, waitTimed)
	if first {
		s.srv.m.held.Inc()
	}
	if first || s.wait.CompareAndSwap(waitOver, waitTimed) {
		time.AfterFunc(min(d, longestWait), func() {
			s.wait.Store(waitOver)
			s.schedule()
		})
	}
	return true
}

// charge counts what a subscribe has drawn. It follows the subscribe's command,
// on a dispatcher.
func (s *session) charge() {
	s.wait.CompareAndSwap(waitOver, waitNone)
	rate := s.srv.opts.SnapshotRate
	if drawn := s.conn.TakeDrawn(); rate > 0 && drawn > 0 {
		s.paid.Store(max(s.paid.Load(), s.srv.core.Now()) + int64(atRate(float64(drawn), rate)))
	}
}
