package live

import (
	"time"

	"pitwall/codec"
	"pitwall/shard"
)

// confirmation says how long a session, or one of its topics, may stay without
// another yes. The dispatchers own it.
type confirmation struct {
	at       time.Time // the last yes
	deadline time.Time // asked about, and no yes since: the end of the grace; zero otherwise
}

// confirm notes a yes.
func (c *confirmation) confirm(now time.Time) { *c = confirmation{at: now} }

// startGrace begins the doubt. It ends when there was no yes for the grace, and no
// answer for an interval.
func (c *confirmation) startGrace(now time.Time, r *Reauth) {
	if c.deadline.IsZero() {
		c.deadline = c.at.Add(r.Grace)
		if least := now.Add(r.Every); c.deadline.Before(least) {
			c.deadline = least
		}
	}
}

// unclear notes an answer that is neither yes nor no. over: the grace has ended.
func (c *confirmation) unclear(now time.Time, r *Reauth) (over bool) {
	c.deadline = c.at.Add(r.Grace)
	return c.over(now)
}

func (c *confirmation) over(now time.Time) bool {
	return !c.deadline.IsZero() && now.After(c.deadline)
}

// watchGrace has the goroutine of rechecks schedule s at the first end of a grace.
// The dispatchers call it.
func (s *session) watchGrace() {
	var first time.Time
	look := func(c *confirmation) {
		if !c.deadline.IsZero() && (first.IsZero() || c.deadline.Before(first)) {
			first = c.deadline
		}
	}
	look(&s.confirmation)
	for _, w := range s.topics {
		look(&w.confirmation)
	}
	if first.IsZero() {
		s.graceEnds.Store(0)
		return
	}
	s.graceEnds.Store(max(1, int64(first.Sub(s.srv.born))))
}

// endGrace ends what is in doubt beyond its grace, although nobody has said no. The
// dispatchers call it.
func (s *session) endGrace() {
	s.graceOver.Store(false)
	now := time.Now()
	if s.confirmation.over(now) {
		s.close(4401, "access could not be confirmed")
		return
	}
	var list []withdrawal
	for _, w := range s.topics {
		if w.confirmation.over(now) {
			list = append(list, withdrawal{w.topic.Event(), "internal", "access could not be confirmed"})
		}
	}
	s.withdraw(list)
	s.watchGrace()
}

// withdrawal is a topic that a session may not watch any more.
type withdrawal struct{ event, code, message string }

// withdraw takes topics away, one command after the other, each with an error
// frame after the topic's last. A session that leaves needs no more of it. The
// dispatchers call it.
func (s *session) withdraw(list []withdrawal) {
	if len(list) == 0 || s.life.Load() != lifeReading {
		return
	}
	d, rest := list[0], list[1:]
	w := s.watchOf(d.event) // there: no request was carried out meanwhile
	s.removeWatch(w)
	s.srv.m.refused(d.code)
	frame := codec.AppendTopicError(nil, w.topic.Name(), d.code, d.message)
	s.srv.core.Unsubscribe(s.conn, w.topic, s.owe(shard.NewControl(frame)), s.begin(func() {
		s.srv.core.Unwatch(w.topic)
		s.withdraw(rest)
	}))
}
