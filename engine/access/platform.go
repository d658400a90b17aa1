package access

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// denialTTL bounds how long a no is kept: less than a yes, since somebody who
// has just been let in by the platform waits for it.
const denialTTL = 2 * time.Second

// platformAuth is AUTH_MODE=http: the platform says who a credential belongs to.
type platformAuth struct {
	url   string
	cache *cache[*Identity] // nil: refused
	keep  time.Duration
}

// authenticate returns who the platform knows by this credential, errRefused
// when it knows nobody, and another error when it cannot be asked.
func (a *platformAuth) authenticate(_ context.Context, by *client, c credential) (*Identity, error) {
	c = c.forPlatform()
	if c.authorization == "" && c.cookies == "" {
		return nil, refused(reasonNone, "")
	}
	id, err := a.cache.get(a.key(c), by.pool, func(ctx context.Context) (*Identity, time.Duration, error) {
		id, err := a.ask(ctx, by, c)
		if id == nil {
			return nil, min(a.keep, denialTTL), err
		}
		return id, a.keep, err
	})
	if err == nil && id == nil {
		err = refused(reasonPlatform, "AUTH_URL answers 401 or 403")
	}
	return id, err
}

// key names the answer to the question about a credential.
func (a *platformAuth) key(c credential) cacheKey { return a.cache.key(c.authorization, c.cookies) }

// forPlatform is the credential as the platform is asked about it: wherever a token
// stood, it is sent in Authorization.
func (c credential) forPlatform() credential {
	if c.authorization == "" && c.token != "" {
		c.authorization = "Bearer " + c.token
	}
	return c
}

func (a *platformAuth) ask(ctx context.Context, by *client, c credential) (*Identity, error) {
	h := http.Header{}
	if c.authorization != "" {
		h.Set("Authorization", c.authorization)
	}
	if c.cookies != "" {
		h.Set("Cookie", c.cookies)
	}
	status, body, err := by.get(ctx, a.url, h, maxAnswer)
	if err != nil {
		return nil, fmt.Errorf("ask the platform of AUTH_URL: %w", err)
	}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return nil, nil
	case status < 200 || status > 299:
		return nil, fmt.Errorf("ask the platform of AUTH_URL: it answers %d", status)
	}
	id, ok := readIdentity(body)
	if !ok {
		return nil, fmt.Errorf("ask the platform of AUTH_URL: it answers %d without an object that has an id", status)
	}
	id.platform = c
	return id, nil
}

// readIdentity reads a JSON object with an id, and perhaps events.
func readIdentity(body []byte) (*Identity, bool) {
	o, ok := readObject(body)
	if !ok {
		return nil, false
	}
	user, ok := readID(o["id"])
	if !ok {
		return nil, false
	}
	events, err := readGrants(o["events"])
	return &Identity{user: user, events: events}, err == nil
}

// readObject reads one JSON object. Names are compared byte for byte.
func readObject(body []byte) (o map[string]json.RawMessage, ok bool) {
	return o, json.Unmarshal(body, &o) == nil && o != nil
}

// platformAuthz is AUTHZ_MODE=http: the platform says who may watch what.
type platformAuthz struct{ url *url.URL }

// allowed asks with the query user=…&event=…. A yes is 204, or 200 with
// {"allowed":true}; a no is 401, 403, 404, or 200 with {"allowed":false}.
// Anything else is an error.
func (j *platformAuthz) allowed(ctx context.Context, by *client, user, event string) (bool, error) {
	u := *j.url
	q := u.Query()
	q.Set("user", user)
	q.Set("event", event)
	u.RawQuery = q.Encode()
	status, body, err := by.get(ctx, u.String(), nil, maxAnswer)
	if err != nil {
		return false, fmt.Errorf("ask the platform of AUTHZ_URL: %w", err)
	}
	switch status {
	case http.StatusNoContent:
		return true, nil
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return false, nil
	case http.StatusOK:
		var yes *bool
		o, ok := readObject(body)
		if ok && json.Unmarshal(o["allowed"], &yes) == nil && yes != nil {
			return *yes, nil
		}
		return false, fmt.Errorf("ask the platform of AUTHZ_URL: it answers 200 without an object that has allowed")
	}
	return false, fmt.Errorf("ask the platform of AUTHZ_URL: it answers %d", status)
}
