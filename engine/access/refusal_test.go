package access

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Numbers are ids, in sub and jti as in events: the user is the same person, and
// the token can be revoked.
func TestNumericIDs(t *testing.T) {
	g, store := guard(t, func(o *Options) { o.Decide = []string{BySQL} })
	store.write(t, "42", "rally", "x")
	token := sign(t, jose.HS256, secret, "", good("sub", 42, "jti", 7))
	who, status := g.Authenticate(asks("/live", "Authorization", "Bearer "+token))
	if status != 0 || !allowed(t, g, who, "rally") {
		t.Fatalf("status %d", status)
	}
	if id := who.(*Identity); id.user != "42" || id.token != "7" {
		t.Errorf("in as %+v", id)
	}
	if now, err := g.Renew(t.Context(), who, sign(t, jose.HS256, secret, "", good("sub", "42"))); now == nil || err != nil {
		t.Errorf("renewed as text: %v, %v", now, err)
	}
	if err := store.Revoke(t.Context(), "7", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := g.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, status := g.Authenticate(asks("/live", "Authorization", "Bearer "+token)); status != http.StatusUnauthorized {
		t.Errorf("revoked: status %d, want 401", status)
	}
}

// Why somebody is refused is counted and logged for the operator, and the token is
// not.
func TestReasonsOfRefusals(t *testing.T) {
	now := time.Now()
	hs := func(claims ...any) string { return sign(t, jose.HS256, secret, "", good(claims...)) }
	for _, c := range []struct{ reason, token string }{
		{reasonNone, ""},
		{reasonUnreadable, "x\r\nX"},
		{reasonMalformed, "hello"},
		{reasonMalformed, sign(t, jose.RS256, rsaKey(), "", good())},
		{reasonSignature, sign(t, jose.HS256, []byte("another secret of 32 bytes or so"), "", good())},
		{reasonKey, sign(t, jose.ES256, ecKey(), "of nobody", good())},
		{reasonClaims, hs("sub", 1.5)},
		{reasonClaims, hs("jti", []string{"x"})},
		{reasonClaims, hs("events", "rally")},
		{reasonClaims, hs("exp", nil)},
		{reasonClaims, hs("exp", "tomorrow")},
		{reasonExpired, hs("exp", now.Add(-time.Hour).Unix())},
		{reasonEarly, hs("nbf", now.Add(time.Hour).Unix())},
		{reasonEarly, hs("iat", now.Add(time.Hour).Unix())},
		{reasonIssuer, hs("iss", "evil")},
		{reasonAudience, hs("aud", "shop")},
		{reasonRevoked, hs("jti", "out")},
		{reasonSignature, sign(t, jose.HS256, secret, linkKeyID, good("event", "e", "jti", "x"))},
	} {
		var log strings.Builder
		g, store := guard(t, func(o *Options) {
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
		r := asks("/live")
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		if _, status := g.Authenticate(r); status != http.StatusUnauthorized {
			t.Errorf("%s: status %d, want 401", c.reason, status)
		}
		for reason, n := range g.meters.reasons {
			if got := n.Get(); (got == 1) != (reason == c.reason) {
				t.Errorf("%s: counted %d times as %s", c.reason, got, reason)
			}
		}
		if !strings.Contains(log.String(), "reason="+c.reason+" ") || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%s: logged %q", c.reason, log.String())
		}
		for part := range strings.SplitSeq(c.token, ".") {
			if len(part) > 5 && strings.Contains(log.String(), part) {
				t.Errorf("%s: a part of the token is logged: %s", c.reason, log.String())
			}
		}
	}
}

// Tokens without a sub are not all of one user: a session does not change hands.
func TestTokensWithoutAUser(t *testing.T) {
	g, _ := guard(t, func(*Options) {})
	token := func(claims ...any) string {
		return sign(t, jose.HS256, secret, "", good(append([]any{"sub", nil}, claims...)...))
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
		who, status := g.Authenticate(asks("/live", "Authorization", "Bearer "+c.from))
		if status != 0 {
			t.Fatalf("status %d", status)
		}
		if now, err := g.Renew(t.Context(), who, c.to); (now != nil) != c.want || err != nil {
			t.Errorf("%s to %s: %v, %v; want %t", c.from, c.to, now, err, c.want)
		}
	}
}

// What no header may have is a bad token, and no outage of the platform.
func TestTokensThatCannotBeSentOn(t *testing.T) {
	d := newDouble(t, says(200, `{"id":"ada"}`))
	g, _ := guard(t, func(o *Options) { o.Mode, o.URL = ModeHTTP, d.URL })
	who, status := g.Authenticate(asks("/live?access_token=fine"))
	if status != 0 || d.asked.Load() != 1 {
		t.Fatalf("status %d", status)
	}
	for _, bad := range []string{"x%0d%0aX", "x%00", "%7f", "x%0a"} {
		r := asks("/live?access_token=" + bad)
		if _, status := g.Authenticate(r); status != http.StatusUnauthorized {
			t.Errorf("%s: status %d, want 401", bad, status)
		}
		if now, err := g.Renew(t.Context(), who, r.URL.Query().Get("access_token")); now != nil || err != nil {
			t.Errorf("%s: renewed to %v, %v", bad, now, err)
		}
	}
	if d.asked.Load() != 1 || g.meters.failed.Get() != 0 {
		t.Errorf("the platform was asked %d times, and %d failures are counted", d.asked.Load(), g.meters.failed.Get())
	}
}

// What a database cannot know is a no, and no outage either.
func TestEventsThatCannotBeAsked(t *testing.T) {
	g, _ := guard(t, func(o *Options) { o.Decide = []string{BySQL} })
	for _, c := range []struct{ user, event string }{{"ada", "a\x00b"}, {"ada", "\xff"}, {"a\x00b", "e"}, {"ada", ""}} {
		if yes, key, err := g.Decide(&Identity{user: c.user}, c.event); yes || key != "" || err != nil {
			t.Errorf("%q: %t, %q, %v", c, yes, key, err)
		}
	}
	if _, key, _ := g.Decide(&Identity{user: "ada"}, "rally"); key == "" {
		t.Error("nobody is asked about an event that can be")
	}
	// Keys do not run together.
	_, one, _ := g.Decide(&Identity{user: "ada1"}, "2")
	if _, two, _ := g.Decide(&Identity{user: "ada"}, "12"); one == two {
		t.Errorf("two questions have the key %q", one)
	}
}
