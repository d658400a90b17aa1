package live

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"pitwall/codec"
)

// Keeper decides how long those who are in may stay. Its methods are called from
// many goroutines. They get what Access.Authenticate, Confirm or Renew has returned.
type Keeper interface {
	// Deadline is when the session of who ends unless it is renewed; zero for
	// never.
	Deadline(who any) time.Time
	// Confirm asks again whether who may stay. It returns nil when not,
	// otherwise who they are now. An error means that nobody can tell.
	Confirm(ctx context.Context, who any) (any, error)
	// ConfirmKey names the question that Confirm has to ask somebody. Those
	// with the same key get the same answer. "" says that Confirm asks nobody
	// and does not wait.
	ConfirmKey(who any) string
	// Renew takes a new token for the session of who. It returns nil when the
	// token is not good for it.
	Renew(ctx context.Context, who any, token string) (any, error)
	// Disconnected is called once for everybody who was let in, when the connection
	// has gone. It must not wait.
	Disconnected(who any)
}

// Reauth says who is asked about sessions again, and when. The zero value asks
// nobody: who is in stays in.
type Reauth struct {
	Keeper Keeper
	Tokens bool          // sessions may be renewed by a token
	Every  time.Duration // between two questions about a session
	Grace  time.Duration // how long a session stays although nobody can tell
}

// authState is what a session's stay depends on. What is not atomic belongs to
// the dispatchers.
type authState struct {
	expiry       *time.Timer // closes the session at its deadline; nil for none
	confirmation confirmation

	checkWanted atomic.Bool  // set by any goroutine: check the session again
	unanswered  atomic.Bool  // its check of the last interval has not come to its end
	graceEnds   atomic.Int64 // when the first grace ends, in ns since the server was made; 0: never
	graceOver   atomic.Bool  // set by the goroutine of rechecks: one has ended

	authWait atomic.Pointer[authWait]     // what a request waits for; nil for nothing
	check    atomic.Pointer[sessionCheck] // the check under way; nil for none
}

// identify notes who the session belongs to, and until when. It is called before
// the session's reader starts, then by the dispatchers.
func (s *session) identify(who any) {
	s.who = who
	s.confirmation.confirm(time.Now())
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

// releaseIdentity gives back what the session counts for, when it has left. A dispatcher
// calls it.
func (s *session) releaseIdentity() {
	if s.expiry != nil {
		s.expiry.Stop()
	}
	s.srv.releaseClient(s.who, s.addr)
}

// releaseClient gives back what a client was counted by. Any goroutine may call it.
func (srv *Server) releaseClient(who any, addr addrKey) {
	srv.limiter.release(addr)
	srv.open.Add(-1)
	if k := srv.opts.Reauth.Keeper; k != nil && who != nil {
		k.Disconnected(who)
	}
}

// renew takes a new token for the session. The dispatchers call it.
func (s *session) renew(r *codec.Request) {
	k := s.srv.opts.Reauth.Keeper
	if k == nil || !s.srv.opts.Reauth.Tokens {
		s.replyError(r.ID, "bad_request", "this type is not served")
		return
	}
	id, token, who := strings.Clone(r.ID), strings.Clone(r.Token), s.who
	s.awaitAuth("", func(ctx context.Context) (said answer) {
		said.who, said.err = k.Renew(ctx, who, token)
		return said
	}, func(said answer) {
		switch {
		case said.err != nil:
			s.srv.faults.warn("renewing a session failed", said.err)
			s.replyError(id, "internal", "try again later")
		case said.who == nil:
			s.replyError(id, "forbidden", "the token is not good for this session")
		default:
			s.identify(said.who)
			s.dropCheck()             // it asks about the old token
			s.checkWanted.Store(true) // the new one may name other events
			s.reply(codec.AppendAuthenticated(nil, id, expiryOf(k.Deadline(said.who))))
		}
	})
}

// expiryOf is a deadline as frames have it: ms since the Unix epoch, 0 for never.
func expiryOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
