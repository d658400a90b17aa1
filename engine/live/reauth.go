package live

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"pitwall/codec"
)

// Keeper decides how long those who are in may stay. Its methods are called
// from many goroutines; they get what Access.Authenticate, Confirm or Renew has
// returned.
type Keeper interface {
	// Deadline is when the session of who ends unless it is renewed; zero for
	// never.
	Deadline(who any) time.Time
	// Confirm asks again whether who may stay. It returns nil when not,
	// otherwise who they are now. An error means that nobody can tell.
	Confirm(ctx context.Context, who any) (any, error)
	// ConfirmKey names the question that Confirm has to ask somebody: those
	// with the same key get the same answer. "" says that Confirm asks nobody
	// and does not wait.
	ConfirmKey(who any) string
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
	Tokens bool          // sessions may be renewed by a token
	Every  time.Duration // between two questions about a session
	Grace  time.Duration // how long a session stays although nobody can tell
}

// standing is what a session's stay depends on. What is not atomic belongs to
// the dispatchers.
type standing struct {
	expiry *time.Timer // closes the session at its deadline
	trust  trust

	review     atomic.Bool  // set by any goroutine: ask again
	unanswered atomic.Bool  // asked about by the interval, and not answered
	lapses     atomic.Int64 // when the clock ends something, in ns since the server was made; 0: never
	lapsed     atomic.Bool  // set by the sweep: that is now

	inquiry atomic.Pointer[inquiry]     // what the client waits for
	exam    atomic.Pointer[examination] // what is asked about the session
}

// settle notes who the session belongs to, and until when.
func (s *session) settle(who any) {
	s.who = who
	s.trust.yes(time.Now())
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

// renew takes a new token for the session.
func (s *session) renew(r *codec.Request) {
	k := s.srv.opts.Reauth.Keeper
	if k == nil || !s.srv.opts.Reauth.Tokens {
		s.fail(r.ID, "bad_request", "this type is not served")
		return
	}
	id, token, who := strings.Clone(r.ID), strings.Clone(r.Token), s.who
	s.ask("", func(ctx context.Context) (said response) {
		said.who, said.err = k.Renew(ctx, who, token)
		return said
	}, func(said response) {
		switch {
		case said.err != nil:
			s.srv.faults.report("renewing a session failed", said.err)
			s.fail(id, "internal", "try again later")
		case said.who == nil:
			s.fail(id, "forbidden", "the token is not good for this session")
		default:
			s.settle(said.who)
			s.abandon()          // what is being asked is about the old token
			s.review.Store(true) // the new one may name other events
			s.reply(codec.AppendAuthenticated(nil, id, expiryOf(k.Deadline(said.who))))
		}
	})
}

func expiryOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
