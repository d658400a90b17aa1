package live

import (
	"slices"
	"time"

	"pitwall/codec"
	"pitwall/shard"
)

// confirmation says until when a session, or one of its subscriptions, may stay without
// another yes. The dispatchers own it.
type confirmation struct {
	at       time.Time // the last yes
	deadline time.Time // the end of the grace; zero unless a check was started after the last yes
}

// confirm notes a yes.
func (c *confirmation) confirm(now time.Time) { *c = confirmation{at: now} }

// startGrace starts the grace, unless it runs already. It lasts Grace from the last yes,
// and at least one interval, so that there is time for an answer.
func (c *confirmation) startGrace(now time.Time, r *Reauth) {
	if c.deadline.IsZero() {
		c.deadline = c.at.Add(r.Grace)
		if least := now.Add(r.Every); c.deadline.Before(least) {
			c.deadline = least
		}
	}
}

// unclear notes an answer that is neither yes nor no. over says that the grace has
// ended. The interval that startGrace grants at least is for the answer, so it no longer
// counts.
func (c *confirmation) unclear(now time.Time, r *Reauth) (over bool) {
	c.deadline = c.at.Add(r.Grace)
	return c.over(now)
}

func (c *confirmation) over(now time.Time) bool {
	return !c.deadline.IsZero() && now.After(c.deadline)
}

// watchGraces has recheckLoop schedule s when the first of its graces ends. The
// dispatchers call it.
func (s *session) watchGraces() {
	first := s.confirmation.deadline
	for _, sub := range s.subscriptions {
		if d := sub.confirmation.deadline; first.IsZero() || !d.IsZero() && d.Before(first) {
			first = d
		}
	}
	if first.IsZero() {
		s.graceEnds.Store(0)
		return
	}
	s.graceEnds.Store(max(1, int64(first.Sub(s.srv.born))))
}

// endGraces ends the session, or those of its subscriptions, whose grace has ended. The
// dispatchers call it.
func (s *session) endGraces() {
	s.graceOver.Store(false)
	now := time.Now()
	if s.confirmation.over(now) {
		s.close(4401, "access could not be confirmed")
		return
	}
	var list []withdrawal
	for _, sub := range s.subscriptions {
		if sub.confirmation.over(now) {
			list = append(list, unconfirmed(sub.topic.Event()))
		}
	}
	s.withdraw(list)
	s.watchGraces()
}

// withdrawal is the end of a subscription, with the code and message of its error frame.
type withdrawal struct{ event, code, message string }

func unconfirmed(event string) withdrawal {
	return withdrawal{event, "internal", "access could not be confirmed"}
}

// withdraw ends subscriptions, one command after the other. The error frame of each
// comes after the topic's last frame. It does nothing for a session that ends. The
// dispatchers call it.
func (s *session) withdraw(list []withdrawal) {
	if len(list) == 0 || s.life.Load() != lifeReading {
		return
	}
	w, rest := list[0], list[1:]
	sub := s.subscription(w.event) // not nil: no request was carried out meanwhile
	s.srv.m.refused(w.code)
	s.endSubscription(sub, codec.AppendTopicError(nil, sub.topic.Name(), w.code, w.message), func() { s.withdraw(rest) })
}

// endSubscription ends a subscription. last is sent after the topic's last frame. then,
// if not nil, is called by a dispatcher when the shards are done. The dispatchers call
// it.
func (s *session) endSubscription(sub *subscription, last []byte, then func()) {
	s.subscriptions = slices.DeleteFunc(s.subscriptions, func(other *subscription) bool { return other == sub })
	s.subscribed.Add(-s.srv.subscriptionCost())
	s.srv.m.subscriptions.Dec()
	s.srv.core.Unsubscribe(s.conn, sub.topic, s.countReply(shard.NewControl(last)), s.begin(func() {
		s.srv.core.Unwatch(sub.topic)
		if then != nil {
			then()
		}
	}))
}
