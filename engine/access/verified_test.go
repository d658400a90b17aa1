package access

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// countingAuthenticator counts its calls.
type countingAuthenticator struct {
	authenticator
	calls int
}

func (c *countingAuthenticator) authenticate(ctx context.Context, by *client, cr credential) (*Identity, error) {
	c.calls++
	return c.authenticator.authenticate(ctx, by, cr)
}

// A token that was verified is recognized, and not verified again. A bad one is
// verified each time. Expiry and revocation are checked in any case.
func TestGoodTokensAreVerifiedOnce(t *testing.T) {
	g, store := newGuard(t, func(o *Options) { o.LinkSecret = secret; o.Slots = nil })
	count := &countingAuthenticator{authenticator: g.auth}
	g.auth = count
	fine := validToken(t, "jti", "t1")
	wrong := sign(t, jose.HS256, append([]byte("x"), secret...), "", validClaims())
	for _, c := range []struct {
		name, token string
		status      int
		verified    int // tokens so far
		recognized  bool
	}{
		{"a good token", fine, 0, 1, true},
		{"the same", fine, 0, 1, true},
		{"a bad one", wrong, http.StatusUnauthorized, 2, false},
		{"the same", wrong, http.StatusUnauthorized, 3, false},
		{"none", "", http.StatusUnauthorized, 4, false},
		{"what no header may have", "x\r\n", http.StatusUnauthorized, 4, false},
	} {
		r := bearerRequest(c.token)
		if _, status := g.Authenticate(r); status != c.status || count.calls != c.verified || g.Recognize(r) != c.recognized {
			t.Errorf("%s: status %d after %d verifications, recognized %v; want %+v", c.name, status, count.calls, g.Recognize(r), c)
		}
	}
	link := Link{Event: "rally", Expires: time.Now().Add(time.Hour)}
	token, err := link.Sign(secret)
	if err != nil {
		t.Fatal(err)
	}
	if r := bearerRequest(token); g.Recognize(r) {
		t.Error("a link that was not used before is recognized")
	} else if _, status := g.Authenticate(r); status != 0 || !g.Recognize(r) {
		t.Errorf("a link: status %d, recognized %v; want 0, true", status, g.Recognize(r))
	}
	if err := store.Revoke(t.Context(), "t1", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := g.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, status := g.Authenticate(bearerRequest(fine)); status != http.StatusUnauthorized {
		t.Errorf("a revoked token that was verified before: status %d, want 401", status)
	}
	if id, err := g.verifyCached("old", func(context.Context) (*Identity, error) {
		return &Identity{expires: time.Now().Add(-time.Second)}, nil
	}); err != nil || id == nil || g.Recognize(bearerRequest("old")) {
		t.Errorf("an expired token: got %+v, %v, recognized %v; want an identity, no error, false", id, err, g.Recognize(bearerRequest("old")))
	}
}

// A token whose key was removed from the set is verified again, and refused.
func TestOtherKeysHaveTokensVerifiedAgain(t *testing.T) {
	d := newStubServer(t, response(200, jwksOf(pubKey("1", rsaKey().Public()))))
	g, _ := newGuard(t, func(o *Options) { o.JWT = JWTOptions{KeySetURL: d.URL, Refresh: time.Hour} })
	if err := g.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := newRequest("/live", "Authorization", "Bearer "+sign(t, jose.RS256, rsaKey(), "1", validClaims()))
	if _, status := g.Authenticate(r); status != 0 || !g.Recognize(r) {
		t.Fatalf("status %d, recognized %v; want 0, true", status, g.Recognize(r))
	}
	if err := g.set.fetch(t.Context()); err != nil || !g.Recognize(r) {
		t.Errorf("after fetching the same keys: error %v, recognized %v; want no error, true", err, g.Recognize(r))
	}
	d.respond(response(200, jwksOf(pubKey("2", ecKey().Public()))))
	if err := g.set.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if g.Recognize(r) {
		t.Error("recognized although the keys have changed")
	}
	if _, status := g.Authenticate(r); status != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", status)
	}
}

// With AUTH_MODE=http, a client is recognized while its positive answer is cached.
func TestCachedPlatformAnswerIsRecognized(t *testing.T) {
	g, d := newPlatformGuard(t, response(200, `{"id":"ada"}`), func(o *Options) { o.Cache = time.Hour })
	ada, bob := newRequest("/live?access_token=ada"), bearerRequest("bob")
	if g.Recognize(ada) {
		t.Error("a client is recognized before the platform was asked")
	}
	if _, status := g.Authenticate(ada); status != 0 || !g.Recognize(ada) {
		t.Errorf("status %d, recognized %v; want 0, true", status, g.Recognize(ada))
	}
	d.respond(response(401, ""))
	if _, status := g.Authenticate(bob); status != http.StatusUnauthorized || g.Recognize(bob) {
		t.Errorf("a refused client: status %d, recognized %v; want 401, false", status, g.Recognize(bob))
	}
}

// Verifications leave half of the processors to other work.
func TestVerificationsLeaveProcessors(t *testing.T) {
	for range cap(verifySlots) {
		verifySlots <- struct{}{}
	}
	done := make(chan struct{})
	go func() {
		limitVerification(func() {})
		close(done)
	}()
	select {
	case <-done:
		t.Error("a verification runs although all slots are taken")
	default:
	}
	for range cap(verifySlots) {
		<-verifySlots
	}
	<-done
}

// BenchmarkTokens measures a bad token, which is verified, and a recognized one.
func BenchmarkTokens(b *testing.B) {
	v, err := newVerifier(JWTOptions{Keys: publicPEM(ecKey().Public())}, nil)
	if err != nil {
		b.Fatal(err)
	}
	g, _ := newGuard(b, func(o *Options) { o.JWT = JWTOptions{Keys: publicPEM(ecKey().Public())} })
	fine := sign(b, jose.ES256, ecKey(), "", validClaims())
	wrong := fine[:len(fine)-4] + "AAAA"
	b.Run("verified", func(b *testing.B) {
		for b.Loop() {
			_, _ = v.authenticate(b.Context(), nil, credential{token: wrong})
		}
	})
	b.Run("recognized", func(b *testing.B) {
		r := bearerRequest(fine)
		g.Authenticate(r)
		for b.Loop() {
			if !g.Recognize(r) {
				b.Fatal("not recognized")
			}
		}
	})
}
