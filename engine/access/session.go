package access

import (
	"context"
	"errors"
	"time"
)

// Deadline returns when a session ends unless it is renewed. Zero means never.
func (g *Guard) Deadline(who any) time.Time {
	if id, ok := who.(*Identity); ok {
		return id.expires
	}
	return time.Time{}
}

// Confirm checks whether a client may stay connected. It returns the current identity,
// or nil if the client may not stay. An error means that the platform did not answer.
func (g *Guard) Confirm(ctx context.Context, who any) (any, error) {
	id, ok := who.(*Identity)
	if !ok {
		return nil, nil
	}
	if err := g.valid(id, time.Now()); err != nil {
		g.countRefusal("to stay", err)
		return nil, nil
	}
	if id.platform.isZero() {
		return id, nil
	}
	return g.resolveSame(ctx, g.clients.recheck, id, id.platform)
}

// ConfirmKey identifies the request that Confirm sends to the platform: sessions with
// the same key get the same answer. "" means that Confirm sends none.
func (g *Guard) ConfirmKey(who any) string {
	id, ok := who.(*Identity)
	if !ok || id.platform.isZero() {
		return ""
	}
	k := g.identities.key(id.platform.authorization, id.platform.cookies, id.platform.token, id.user)
	return string(k[:])
}

// Renew checks a new token for an existing session. It returns the identity of the
// token, or nil if the token is invalid or belongs to another user.
func (g *Guard) Renew(ctx context.Context, who any, token string) (any, error) {
	id, ok := who.(*Identity)
	if !ok || g.auth == nil && id.event == "" {
		return nil, nil
	}
	return g.resolveSame(ctx, g.clients.subscribe, id, credential{token: token})
}

// resolveSame returns the identity of a credential if it belongs to the user of id,
// and nil if it is refused. The slot of id stays with the session.
func (g *Guard) resolveSame(ctx context.Context, via *client, id *Identity, c credential) (any, error) {
	now, err := g.resolve(ctx, via, c)
	if err == nil && !id.isSameUser(now) {
		err = refused(reasonUser, "the token has another sub than the session, or without a sub another jti")
	}
	switch {
	case errors.Is(err, errRefused):
		g.countRefusal("to stay", err)
		return nil, nil
	case err != nil:
		return nil, err
	}
	return now.withSlot(id.slot), nil
}

// isSameUser reports whether two identities belong to one user. Tokens without a sub
// name no user; they must have the same jti.
func (id *Identity) isSameUser(now *Identity) bool {
	if id.user == "" && (id.token == "" || id.token != now.token) {
		return false
	}
	return now.user == id.user && now.event == id.event
}

// Disconnected releases the slot of a connection, if it has one. It must be called once
// for every identity that Authenticate returned. It does not block.
func (g *Guard) Disconnected(who any) {
	if id, ok := who.(*Identity); ok && id.slot != nil {
		g.slots.release(id.slot)
	}
}
