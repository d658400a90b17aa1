package live

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"pitwall/codec"
)

// Keeper decides how long existing sessions may stay. Its methods are called from many
// goroutines. identity is what Access.Authenticate, Confirm or Renew has returned.
type Keeper interface {
	// Deadline is when the session ends unless it is renewed; zero for never.
	Deadline(identity any) time.Time
	// Confirm asks again whether the session may stay. It returns the current
	// identity, or nil if the session must end. An error means that nobody can tell.
	Confirm(ctx context.Context, identity any) (any, error)
	// ConfirmKey is the key of the question that Confirm asks. Identities with the
	// same key get the same answer. "" means that Confirm asks nobody and does not
	// wait.
	ConfirmKey(identity any) string
	// Renew takes a new token for the session. It returns the new identity, or nil if
	// the token is not good for this session.
	Renew(ctx context.Context, identity any, token string) (any, error)
	// Disconnected is called once for everybody who was let in, when the connection is
	// gone. It must not wait.
	Disconnected(identity any)
}

// Reauth says how existing sessions are checked again. With the zero value they are not.
type Reauth struct {
	Keeper Keeper
	Tokens bool          // sessions may be renewed by a token
	Every  time.Duration // between two checks of a session
	Grace  time.Duration // how long a session may stay without a confirmation
}

// authState says how long a session may stay, and what is being asked about it. What is
// not atomic belongs to the dispatchers.
type authState struct {
	expiry       *time.Timer // closes the session at its deadline; nil for none
	confirmation confirmation

	checkWanted atomic.Bool  // set by any goroutine: check the session again
	unanswered  atomic.Bool  // the last interval's check has not ended
	graceEnds   atomic.Int64 // when the first grace ends, in ns since the server was made; 0: never
	graceOver   atomic.Bool  // set by recheckLoop: a grace has ended

	authWait atomic.Pointer[authWait]     // what a request waits for; nil for nothing
	check    atomic.Pointer[sessionCheck] // the check under way; nil for none
}

// setIdentity sets whose session it is, and when it ends. It is called before the
// session's reader starts, then by the dispatchers.
func (s *session) setIdentity(identity any) {
	s.identity = identity
	s.confirmation.confirm(time.Now())
	k := s.srv.opts.Reauth.Keeper
	if k == nil {
		return
	}
	end := k.Deadline(identity)
	switch {
	case end.IsZero():
		if s.expiry != nil {
			s.expiry.Stop()
		}
	case s.expiry == nil:
		s.expiry = time.AfterFunc(time.Until(end), func() { s.close(4401, "session expired") })
	default:
		s.expiry.Reset(time.Until(end))
	}
}

// releaseClient undoes admit and, with an identity, Authenticate. Any goroutine may
// call it.
func (srv *Server) releaseClient(identity any, addr addrKey) {
	srv.limiter.release(addr)
	srv.open.Add(-1)
	if k := srv.opts.Reauth.Keeper; k != nil && identity != nil {
		k.Disconnected(identity)
	}
}

// renew takes a new token for the session. The dispatchers call it.
func (s *session) renew(r *codec.Request) {
	k := s.srv.opts.Reauth.Keeper
	if k == nil || !s.srv.opts.Reauth.Tokens {
		s.replyError(r.ID, "bad_request", "this type is not served")
		return
	}
	id, token, identity := strings.Clone(r.ID), strings.Clone(r.Token), s.identity
	s.awaitAuth(&authWait{ask: func(ctx context.Context) (a answer) {
		a.identity, a.err = k.Renew(ctx, identity, token)
		return a
	}, then: func(a answer) {
		switch {
		case a.err != nil:
			s.srv.faults.warn("renewing a session failed", a.err)
			s.replyError(id, "internal", "try again later")
		case a.identity == nil:
			s.replyError(id, "forbidden", "the token is not good for this session")
		default:
			s.setIdentity(a.identity)
			s.dropCheck()             // it asks about the old token
			s.checkWanted.Store(true) // the new one may name other events

			expiresAt := max(0, k.Deadline(a.identity).UnixMilli()) // 0: never
			s.reply(codec.AppendAuthenticated(nil, id, expiresAt))
		}
	}})
}
