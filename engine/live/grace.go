package live

import (
	"time"

	"pitwall/codec"
	"pitwall/shard"
)

// trust says how long a session, or one of its topics, may stay. The dispatchers
// own it.
type trust struct {
	confirmed time.Time // the last yes
	until     time.Time // asked about, and no yes since: the clock ends it then; zero otherwise
}

// yes confirms.
func (t *trust) yes(now time.Time) { *t = trust{confirmed: now} }

// ask begins the doubt: without an answer for the grace since the last yes, and
// for an interval, it is over.
func (t *trust) ask(now time.Time, r *Reauth) {
	if t.until.IsZero() {
		t.until = t.confirmed.Add(r.Grace)
		if least := now.Add(r.Every); t.until.Before(least) {
			t.until = least
		}
	}
}

// unclear is an answer that is neither yes nor no. over: the grace has ended.
func (t *trust) unclear(now time.Time, r *Reauth) (over bool) {
	t.until = t.confirmed.Add(r.Grace)
	return t.over(now)
}

func (t *trust) over(now time.Time) bool { return !t.until.IsZero() && now.After(t.until) }

// watchClock has the clock end what is in doubt: it tells the sweep when to look
// at s again.
func (s *session) watchClock() {
	var first time.Time
	look := func(t *trust) {
		if !t.until.IsZero() && (first.IsZero() || t.until.Before(first)) {
			first = t.until
		}
	}
	look(&s.trust)
	for _, w := range s.topics {
		look(&w.trust)
	}
	if first.IsZero() {
		s.lapses.Store(0)
		return
	}
	s.lapses.Store(max(1, int64(first.Sub(s.srv.born))))
}

// lapse ends what the clock has ended, although nobody has said anything.
func (s *session) lapse() {
	s.lapsed.Store(false)
	now := time.Now()
	if s.trust.over(now) {
		s.close(4401, "access could not be confirmed")
		return
	}
	var dropping []dropped
	for _, w := range s.topics {
		if w.trust.over(now) {
			dropping = append(dropping, dropped{w.topic.Event(), "internal", "access could not be confirmed"})
		}
	}
	s.withdraw(dropping)
	s.watchClock()
}

// dropped is a topic that a session may not watch any more.
type dropped struct{ event, code, message string }

// withdraw takes topics away, one command after the other, each with an error
// frame after the topic's last. A session that leaves needs no more of it.
func (s *session) withdraw(list []dropped) {
	if len(list) == 0 || s.ending.Load() {
		return
	}
	d, rest := list[0], list[1:]
	w := s.watchOf(d.event) // there: no request was carried out meanwhile
	s.unwatch(w)
	s.srv.m.refused(d.code)
	frame := codec.AppendTopicError(nil, w.topic.Name(), d.code, d.message)
	s.srv.core.Unsubscribe(s.conn, w.topic, s.owe(shard.NewControl(frame)), s.begin(func() {
		s.srv.core.Unwatch(w.topic)
		s.withdraw(rest)
	}))
}
