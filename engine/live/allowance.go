package live

import "time"

// Each connection has an allowance of snapshot bytes, because a subscribe of one line
// can bring megabytes. The size is known only when the snapshot is sent, so it is
// charged afterwards: paidUntil is the time by which all snapshots so far are paid off
// at Bounds.SnapshotRate. While paidUntil is further away than Bounds.SnapshotBurst
// covers, the next subscribe waits.
//
// An ordinary client subscribes once per connection, which the burst covers, and later
// changes at the pace of its user. Snapshots after a lag are not charged: the client
// did not request them.

// Values of session.allowanceWait.
const (
	allowanceNone  = iota
	allowanceTimed // a timer will schedule the session
	allowanceOver  // the timer has; the waiting subscribe was not carried out yet
)

// maxAllowanceTimer bounds the timer of a waiting session, which may outlive the
// session. After it the session is looked at again.
const maxAllowanceTimer = time.Second

// snapshotDebt is how long the session's next snapshot has to wait.
func (s *session) snapshotDebt() time.Duration {
	until, b := s.paidUntil.Load(), s.srv.bounds.Load()
	if until == 0 || b.SnapshotRate <= 0 {
		return 0
	}
	return time.Duration(until-s.srv.core.Now()) - atRate(b.SnapshotBurst, b.SnapshotRate)
}

// atRate is how long that many bytes take at rate, in bytes per second.
func atRate(bytes, rate float64) time.Duration {
	return time.Duration(bytes / rate * float64(time.Second))
}

// overAllowance reports whether the next request has to wait for the session's
// allowance. If so, a timer schedules the session. The dispatchers call it.
func (s *session) overAllowance() bool {
	d := s.snapshotDebt()
	if d <= 0 || !s.inbox.peek().subscribes() {
		return false
	}
	first := s.allowanceWait.CompareAndSwap(allowanceNone, allowanceTimed)
	if first {
		s.srv.m.heldSubscribes.Inc()
	}
	if first || s.allowanceWait.CompareAndSwap(allowanceOver, allowanceTimed) {
		time.AfterFunc(min(d, maxAllowanceTimer), func() {
			s.allowanceWait.Store(allowanceOver)
			s.schedule()
		})
	}
	return true
}

// chargeSnapshot charges the snapshot that a subscribe has brought. A dispatcher calls
// it after the command.
func (s *session) chargeSnapshot() {
	s.allowanceWait.CompareAndSwap(allowanceOver, allowanceNone)
	rate := s.srv.bounds.Load().SnapshotRate
	if bytes := s.conn.TakeSnapshotBytes(); rate > 0 && bytes > 0 {
		s.paidUntil.Store(max(s.paidUntil.Load(), s.srv.core.Now()) + int64(atRate(float64(bytes), rate)))
	}
}
