package access

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Numbers in sub and jti are ids, as in events: "42" and 42 are the same user, and the
// token can be revoked.
func TestNumericIDs(t *testing.T) {
	g, store := newGuard(t, func(o *Options) { o.Decide = []string{BySQL} })
	store.add(t, "42", "rally", "x")
	token := validToken(t, "sub", 42, "jti", 7)
	who, status := g.Authenticate(bearerRequest(token))
	if status != 0 || !mayWatch(t, g, who, "rally") {
		t.Fatalf("status %d, want 0 and access to rally", status)
	}
	if id := who.(*Identity); id.user != "42" || id.token != "7" {
		t.Errorf("got identity %+v, want user 42 and token 7", id)
	}
	if now, err := g.Renew(t.Context(), who, validToken(t, "sub", "42")); now == nil || err != nil {
		t.Errorf("renewed with a text: got %v, %v; want an identity and no error", now, err)
	}
	if err := store.Revoke(t.Context(), "7", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := g.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, status := g.Authenticate(bearerRequest(token)); status != http.StatusUnauthorized {
		t.Errorf("after the revocation: status %d, want 401", status)
	}
}

// The reason of a refusal is counted and logged for the operator. The token is not
// logged.
func TestReasonsOfRefusals(t *testing.T) {
	now := time.Now()
	token := func(claims ...any) string { return validToken(t, claims...) }
	for _, c := range []struct{ reason, token string }{
		{reasonNone, ""},
		{reasonUnreadable, "x\r\nX"},
		{reasonMalformed, "hello"},
		{reasonMalformed, sign(t, jose.RS256, rsaKey(), "", validClaims())},
		{reasonSignature, sign(t, jose.HS256, []byte("another secret of 32 bytes or so"), "", validClaims())},
		{reasonKey, sign(t, jose.ES256, ecKey(), "of nobody", validClaims())},
		{reasonClaims, token("sub", 1.5)},
		{reasonClaims, token("jti", []string{"x"})},
		{reasonClaims, token("events", "rally")},
		{reasonClaims, token("exp", nil)},
		{reasonClaims, token("exp", "tomorrow")},
		{reasonExpired, token("exp", now.Add(-time.Hour).Unix())},
		{reasonEarly, token("nbf", now.Add(time.Hour).Unix())},
		{reasonEarly, token("iat", now.Add(time.Hour).Unix())},
		{reasonIssuer, token("iss", "evil")},
		{reasonAudience, token("aud", "shop")},
		{reasonRevoked, token("jti", "out")},
		{reasonSignature, sign(t, jose.HS256, secret, linkKeyID, validClaims("event", "e", "jti", "x"))},
	} {
		var log strings.Builder
		g, store := newGuard(t, func(o *Options) {
			o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			o.JWT.Keys = []byte(jwksOf(jose.JSONWebKey{Key: ecKey().Public(), KeyID: "other", Use: "sig", Algorithm: "ES256"}))
			o.LinkSecret = secret
			if c.reason == reasonIssuer {
				o.JWT.Issuer = "platform"
			}
			if c.reason == reasonAudience {
				o.JWT.Audience = "pitwall"
			}
		})
		if err := store.Revoke(t.Context(), "out", now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err := g.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := newRequest("/live")
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		if _, status := g.Authenticate(r); status != http.StatusUnauthorized {
			t.Errorf("%s: status %d, want 401", c.reason, status)
		}
		for reason, n := range g.meters.reasons {
			if got := n.Get(); (got == 1) != (reason == c.reason) {
				t.Errorf("%s: counted %d times as %s, want once as %s", c.reason, got, reason, c.reason)
			}
		}
		if !strings.Contains(log.String(), "reason="+c.reason+" ") || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%s: logged %q, want one line with the reason", c.reason, log.String())
		}
		for part := range strings.SplitSeq(c.token, ".") {
			if len(part) > 5 && strings.Contains(log.String(), part) {
				t.Errorf("%s: a part of the token is logged: %s", c.reason, log.String())
			}
		}
	}
}

// Tokens without a sub do not belong to one user, so one cannot renew a session of
// another.
func TestTokensWithoutAUser(t *testing.T) {
	g, _ := newGuard(t, func(*Options) {})
	token := func(claims ...any) string {
		return validToken(t, append([]any{"sub", nil}, claims...)...)
	}
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{token("jti", "a"), token("jti", "b"), false},
		{token(), token(), false},
		{token(), token("jti", "a"), false},
		{token("sub", ""), token("sub", ""), false},
		{token("jti", "a"), token("jti", "a"), true},
		{token("jti", "a"), token("jti", "a", "sub", "ada"), false},
	} {
		who, status := g.Authenticate(newRequest("/live", "Authorization", "Bearer "+c.from))
		if status != 0 {
			t.Fatalf("status %d, want 0", status)
		}
		if now, err := g.Renew(t.Context(), who, c.to); (now != nil) != c.want || err != nil {
			t.Errorf("renew %s with %s: got %v, %v; want an identity: %t", c.from, c.to, now, err, c.want)
		}
	}
}

// A token that cannot be part of a header is refused without asking the platform.
func TestTokensThatCannotBeSentOn(t *testing.T) {
	g, d := newPlatformGuard(t, response(200, `{"id":"ada"}`))
	who, status := g.Authenticate(newRequest("/live?access_token=fine"))
	if status != 0 || d.requests.Load() != 1 {
		t.Fatalf("status %d, want 0", status)
	}
	for _, bad := range []string{"x%0d%0aX", "x%00", "%7f", "x%0a"} {
		r := newRequest("/live?access_token=" + bad)
		if _, status := g.Authenticate(r); status != http.StatusUnauthorized {
			t.Errorf("%s: status %d, want 401", bad, status)
		}
		if now, err := g.Renew(t.Context(), who, r.URL.Query().Get("access_token")); now != nil || err != nil {
			t.Errorf("%s: renewed to %v, %v; want nil and no error", bad, now, err)
		}
	}
	if d.requests.Load() != 1 || g.meters.failed.Get() != 0 {
		t.Errorf("the platform was asked %d times and %d failures are counted, want 1 and 0", d.requests.Load(), g.meters.failed.Get())
	}
}

// A user or event that a database cannot store is refused without asking it.
func TestEventsThatCannotBeAsked(t *testing.T) {
	g, _ := newGuard(t, func(o *Options) { o.Decide = []string{BySQL} })
	for _, c := range []struct{ user, event string }{{"ada", "a\x00b"}, {"ada", "\xff"}, {"a\x00b", "e"}, {"ada", ""}} {
		if yes, key, err := g.Decide(&Identity{user: c.user}, c.event); yes || key != "" || err != nil {
			t.Errorf("%q: got %t, key %q, %v; want false, no key and no error", c, yes, key, err)
		}
	}
	if _, key, _ := g.Decide(&Identity{user: "ada"}, "rally"); key == "" {
		t.Error("got no key for a valid event, want one")
	}
	// The parts of a key are separated.
	_, one, _ := g.Decide(&Identity{user: "ada1"}, "2")
	if _, two, _ := g.Decide(&Identity{user: "ada"}, "12"); one == two {
		t.Errorf("two questions have the key %q, want different ones", one)
	}
}
