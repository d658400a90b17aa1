package live

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"pitwall/codec"
	"pitwall/shard"
)

// Keeper decides how long those who are in may stay. Its methods are called
// from many goroutines; they get what Access.Authenticate, Confirm or Renew has
// returned.
type Keeper interface {
	// Deadline is when the session of who ends unless it is renewed; zero for
	// never.
	Deadline(who any) time.Time
	// Confirm asks again whether who may stay. It returns nil when not,
	// otherwise who he is now. An error means that nobody can tell.
	Confirm(ctx context.Context, who any) (any, error)
	// Renew takes a new token for the session of who. It returns nil when the
	// token is not good for it.
	Renew(ctx context.Context, who any, token string) (any, error)
	// Left is called once for everybody who was let in, when the connection
	// has gone. It must not wait.
	Left(who any)
}

// Reauth says who is asked about sessions again, and when. The zero value asks
// nobody: who is in stays in.
type Reauth struct {
	Keeper Keeper
	Every  time.Duration // between two questions about a session
	Grace  time.Duration // how long a session stays although nobody can tell
}

// reviewSlots is over how many moments of an interval sessions are asked
// about.
const reviewSlots = 50

// standing is what a session's stay depends on. All but review belongs to the
// dispatchers.
type standing struct {
	review    atomic.Bool // set by any goroutine: ask again
	expiry    *time.Timer // closes the session at its deadline
	confirmed time.Time   // when the session's stay was last confirmed
}

// dropped is a topic that a session may not watch any more.
type dropped struct{ event, code, message string }

// errWithdrawn is a plain no.
var errWithdrawn = errors.New("withdrawn")

// reviews asks about every session once per interval until ctx ends.
func (srv *Server) reviews(ctx context.Context) {
	if srv.opts.Reauth.Keeper == nil {
		return
	}
	tick := time.NewTicker(max(srv.opts.Reauth.Every/reviewSlots, time.Millisecond))
	defer tick.Stop()
	for slot := uint64(0); ; slot++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		srv.sessions.Range(func(id uint64, s *session) bool {
			if id%reviewSlots == slot%reviewSlots {
				s.reviewSoon()
			}
			return true
		})
	}
}

// Recheck asks about every session again, now. Any goroutine may call it; it
// does not wait for answers.
func (srv *Server) Recheck() {
	if srv.opts.Reauth.Keeper == nil {
		return
	}
	srv.sessions.Range(func(_ uint64, s *session) bool {
		s.reviewSoon()
		return true
	})
}

func (s *session) reviewSoon() {
	s.review.Store(true)
	s.schedule()
}

// settle notes who the session belongs to, and until when.
func (s *session) settle(who any) {
	s.who, s.confirmed = who, time.Now()
	k := s.srv.opts.Reauth.Keeper
	if k == nil {
		return
	}
	end := k.Deadline(who)
	switch {
	case end.IsZero():
		if s.expiry != nil {
			s.expiry.Stop()
		}
	case s.expiry == nil:
		s.expiry = time.AfterFunc(time.Until(end), s.expire)
	default:
		s.expiry.Reset(time.Until(end))
	}
}

// expire runs on the timer's goroutine.
func (s *session) expire() { s.close(4401, "session expired") }

// gone ends what settle began. It is called when the session has left.
func (s *session) gone() {
	if s.expiry != nil {
		s.expiry.Stop()
	}
	s.srv.unadmit(s.who, s.from)
}

// unadmit gives back what a client was counted by.
func (srv *Server) unadmit(who any, from client) {
	srv.limiter.leave(from)
	srv.open.Add(-1)
	if k := srv.opts.Reauth.Keeper; k != nil && who != nil {
		k.Left(who)
	}
}

// attend asks about the session.
func (s *session) attend() {
	s.review.Store(false)
	events := make([]string, 0, len(s.topics))
	for _, w := range s.topics {
		events = append(events, w.topic.Event())
	}
	who, v := s.who, verdict{}
	s.ask(false, func(ctx context.Context) { v = s.srv.examine(ctx, who, events) }, func() { s.judge(v) })
}

// verdict is what came of asking about a session.
type verdict struct {
	who    any // nil: out, unless err says that nobody can tell
	err    error
	events map[string]error // nil: may be watched, errWithdrawn: not, else nobody can tell
}

func (srv *Server) examine(ctx context.Context, who any, events []string) (v verdict) {
	v.who, v.err = srv.opts.Reauth.Keeper.Confirm(ctx, who)
	switch {
	case v.err != nil: // an event may have a plain no all the same
	case v.who == nil:
		return v
	default:
		who = v.who
	}
	v.events = make(map[string]error, len(events))
	for _, e := range events {
		allowed, err := srv.opts.Access.Authorize(ctx, who, e)
		if err == nil && !allowed {
			err = errWithdrawn
		}
		v.events[e] = err
	}
	return v
}

// judge carries a verdict out.
func (s *session) judge(v verdict) {
	now, grace := time.Now(), s.srv.opts.Reauth.Grace
	switch {
	case v.err != nil:
		s.srv.faults.report("asking about a session failed", v.err)
		if now.Sub(s.confirmed) > grace {
			s.close(4401, "access could not be confirmed")
			return
		}
	case v.who == nil:
		s.close(4401, "access was withdrawn")
		return
	default:
		s.settle(v.who)
	}
	var dropping []dropped
	for event, err := range v.events {
		w := s.watchOf(event)
		switch {
		case w == nil:
		case err == nil:
			w.confirmed = now
		case errors.Is(err, errWithdrawn):
			dropping = append(dropping, dropped{event, "forbidden", "you may not watch this event any more"})
		default:
			s.srv.faults.report("asking about a subscription failed", err)
			if now.Sub(w.confirmed) > grace {
				dropping = append(dropping, dropped{event, "internal", "access could not be confirmed"})
			}
		}
	}
	s.withdraw(dropping)
}

// withdraw takes topics away, one command after the other, each with an error
// frame after the topic's last. A session that leaves needs no more of it.
func (s *session) withdraw(list []dropped) {
	if len(list) == 0 || s.ending.Load() {
		return
	}
	d, rest := list[0], list[1:]
	w := s.watchOf(d.event) // there since it was asked about: nothing else was carried out
	s.unwatch(w)
	s.srv.m.refused(d.code)
	frame := codec.AppendTopicError(nil, w.topic.Name(), d.code, d.message)
	s.srv.core.Unsubscribe(s.conn, w.topic, s.owe(shard.NewControl(frame)), s.begin(func() {
		s.srv.core.Unwatch(w.topic)
		s.withdraw(rest)
	}))
}

// renew takes a new token for the session.
func (s *session) renew(r *codec.Request) {
	k := s.srv.opts.Reauth.Keeper
	if k == nil {
		s.fail(r.ID, "bad_request", "this type is not served")
		return
	}
	id, token, who := strings.Clone(r.ID), strings.Clone(r.Token), s.who
	var now any
	var err error
	s.ask(true, func(ctx context.Context) { now, err = k.Renew(ctx, who, token) }, func() {
		switch {
		case err != nil:
			s.srv.faults.report("renewing a session failed", err)
			s.fail(id, "internal", "try again later")
		case now == nil:
			s.fail(id, "forbidden", "the token is not good for this session")
		default:
			s.settle(now)
			s.review.Store(true) // the new token may name other events
			s.reply(codec.AppendAuthenticated(nil, id, expiryOf(k.Deadline(now))))
		}
	})
}

func expiryOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
