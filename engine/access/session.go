package access

import (
	"context"
	"errors"
	"time"
)

// Deadline is when the session of who ends, unless it is renewed; zero for
// never.
func (g *Guard) Deadline(who any) time.Time {
	if id, ok := who.(*Identity); ok {
		return id.expires
	}
	return time.Time{}
}

// Confirm asks again whether who may stay connected. It returns nil when not,
// otherwise who they are now. An error means that nobody can tell.
func (g *Guard) Confirm(ctx context.Context, who any) (any, error) {
	id, ok := who.(*Identity)
	if !ok {
		return nil, nil
	}
	if err := g.valid(id, time.Now()); err != nil {
		g.countRefusal("to stay", err)
		return nil, nil
	}
	if id.asked.isZero() {
		return id, nil
	}
	return g.same(ctx, g.clients.reviews, id, id.asked)
}

// ConfirmKey names what Confirm has to ask the platform: sessions with the same
// key get the same answer. "" where it asks nobody.
func (g *Guard) ConfirmKey(who any) string {
	id, ok := who.(*Identity)
	if !ok || id.asked.isZero() {
		return ""
	}
	k := g.identities.key(id.asked.authorization, id.asked.cookies, id.asked.token, id.user)
	return string(k[:])
}

// Renew takes another token for the session of who. It returns nil when the
// token is not good, or another user's: a session does not change hands.
func (g *Guard) Renew(ctx context.Context, who any, token string) (any, error) {
	id, ok := who.(*Identity)
	if !ok || g.auth == nil && id.event == "" {
		return nil, nil
	}
	return g.same(ctx, g.clients.members, id, credential{token: token})
}

// same returns the user of a credential if it is the one of id.
func (g *Guard) same(ctx context.Context, by *client, id *Identity, c credential) (any, error) {
	now, err := g.known(ctx, by, c)
	if err == nil && !id.mayBecome(now) {
		err = refused(reasonUser, "a session stays with its user, and without a sub with its token")
	}
	switch {
	case errors.Is(err, errRefused):
		g.countRefusal("to stay", err)
		return nil, nil
	case err != nil:
		return nil, err
	}
	if id.slot != nil {
		renewed := *now
		renewed.slot = id.slot
		now = &renewed
	}
	return now, nil
}

// mayBecome reports whether both are of one user. Tokens without a sub say of
// nobody who they are: only the same token is the same user then.
func (id *Identity) mayBecome(now *Identity) bool {
	if id.user == "" && (id.token == "" || id.token != now.token) {
		return false
	}
	return now.user == id.user && now.event == id.event
}

// Disconnected is called once for every identity that Authenticate has returned, when
// its connection has gone. It does not block.
func (g *Guard) Disconnected(who any) {
	if id, ok := who.(*Identity); ok && id.slot != nil {
		g.slots.release(id.slot)
	}
}
