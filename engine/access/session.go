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

// Confirm checks whether who may stay connected. It returns nil if not, otherwise
// their current identity. An error means that the platform cannot be asked.
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

// ConfirmKey identifies the request that Confirm sends to the platform: sessions
// with the same key get the same answer. "" means that it sends none.
func (g *Guard) ConfirmKey(who any) string {
	id, ok := who.(*Identity)
	if !ok || id.platform.isZero() {
		return ""
	}
	k := g.identities.key(id.platform.authorization, id.platform.cookies, id.platform.token, id.user)
	return string(k[:])
}

// Renew accepts a new token for the session of who. It returns nil if the token is
// not valid or belongs to another user: a session keeps its user.
func (g *Guard) Renew(ctx context.Context, who any, token string) (any, error) {
	id, ok := who.(*Identity)
	if !ok || g.auth == nil && id.event == "" {
		return nil, nil
	}
	return g.resolveSame(ctx, g.clients.subscribe, id, credential{token: token})
}

// resolveSame returns the user of a credential if it is the one of id.
func (g *Guard) resolveSame(ctx context.Context, by *client, id *Identity, c credential) (any, error) {
	now, err := g.resolve(ctx, by, c)
	if err == nil && !id.isSameUser(now) {
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

// isSameUser reports whether both belong to one user. A token without a sub names
// no user, so only the same token counts as the same user.
func (id *Identity) isSameUser(now *Identity) bool {
	if id.user == "" && (id.token == "" || id.token != now.token) {
		return false
	}
	return now.user == id.user && now.event == id.event
}

// Disconnected frees what the connection of who has held. It must be called once for
// every identity that Authenticate returned. It does not block.
func (g *Guard) Disconnected(who any) {
	if id, ok := who.(*Identity); ok && id.slot != nil {
		g.slots.release(id.slot)
	}
}
