package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// denialTTL is the longest time for which a denial is cached. It is short, because a
// user who has just been given access is refused until it has passed.
const denialTTL = 2 * time.Second

// platformAuth is AUTH_MODE=http: the platform identifies the user of a credential.
type platformAuth struct {
	url   string
	cache *cache[*Identity] // a nil Identity is a refusal
	ttl   time.Duration
}

// authenticate returns the user of a credential, errRefused if the platform refuses
// it, and another error if the platform does not answer.
func (a *platformAuth) authenticate(_ context.Context, via *client, c credential) (*Identity, error) {
	c = c.forPlatform()
	if c.authorization == "" && c.cookies == "" {
		return nil, refused(reasonNone, "")
	}
	id, err := a.cache.get(a.key(c), via.pool, func(ctx context.Context) (*Identity, time.Duration, error) {
		id, err := a.ask(ctx, via, c)
		if id == nil {
			return nil, min(a.ttl, denialTTL), err
		}
		return id, a.ttl, err
	})
	if err == nil && id == nil {
		err = refused(reasonPlatform, "AUTH_URL answers 401 or 403")
	}
	return id, err
}

// key is the cache key for the answer about a credential.
func (a *platformAuth) key(c credential) cacheKey { return a.cache.key(c.authorization, c.cookies) }

// forPlatform returns the credential as it is sent to the platform: with the token in
// Authorization, wherever the client sent it.
func (c credential) forPlatform() credential {
	if c.authorization == "" && c.token != "" {
		c.authorization = "Bearer " + c.token
	}
	return c
}

// ask requests AUTH_URL. A nil Identity without an error is a refusal.
func (a *platformAuth) ask(ctx context.Context, via *client, c credential) (*Identity, error) {
	h := http.Header{}
	if c.authorization != "" {
		h.Set("Authorization", c.authorization)
	}
	if c.cookies != "" {
		h.Set("Cookie", c.cookies)
	}
	status, body, err := via.get(ctx, a.url, h, maxAnswer)
	if err != nil {
		return nil, fmt.Errorf("request AUTH_URL: %w", err)
	}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return nil, nil
	case status < 200 || status > 299:
		return nil, fmt.Errorf("request AUTH_URL: it answered %d", status)
	}
	id, ok := readIdentity(body)
	if !ok {
		return nil, fmt.Errorf("request AUTH_URL: it answered %d without a JSON object that has an id", status)
	}
	id.platform = c
	return id, nil
}

// readIdentity reads a JSON object with an id and optional events.
func readIdentity(body []byte) (*Identity, bool) {
	o := readObject(body)
	user, ok := readID(o["id"])
	events, err := readGrants(o["events"])
	return &Identity{user: user, events: events}, ok && err == nil
}

// readObject reads a JSON object; nil is anything else. Names are compared byte for
// byte.
func readObject(body []byte) (o map[string]json.RawMessage) {
	_ = json.Unmarshal(body, &o)
	return o
}

// platformAuthz is AUTHZ_MODE=http: the platform decides who may watch an event.
type platformAuthz struct{ url *url.URL }

// isAllowed requests AUTHZ_URL with the query user=…&event=…. 204 and 200 with
// {"allowed":true} allow; 401, 403, 404 and 200 with {"allowed":false} deny. Anything
// else is an error.
func (a *platformAuthz) isAllowed(ctx context.Context, via *client, user, event string) (bool, error) {
	u := *a.url
	q := u.Query()
	q.Set("user", user)
	q.Set("event", event)
	u.RawQuery = q.Encode()
	status, body, err := via.get(ctx, u.String(), nil, maxAnswer)
	if err != nil {
		return false, fmt.Errorf("request AUTHZ_URL: %w", err)
	}
	switch status {
	case http.StatusNoContent:
		return true, nil
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return false, nil
	case http.StatusOK:
		var allowed *bool
		if json.Unmarshal(readObject(body)["allowed"], &allowed) == nil && allowed != nil {
			return *allowed, nil
		}
		return false, errors.New("request AUTHZ_URL: it answered 200 without a JSON object that has allowed")
	}
	return false, fmt.Errorf("request AUTHZ_URL: it answered %d", status)
}
