package access

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// counting counts what its authenticator is asked.
type counting struct {
	authenticator
	asked int
}

func (c *counting) authenticate(ctx context.Context, by *client, cr credential) (*Identity, error) {
	c.asked++
	return c.authenticator.authenticate(ctx, by, cr)
}

// A token that was good is recognized and not verified again; one that was not is
// verified each time. Expiry and revocations are looked at all the same.
func TestGoodTokensAreVerifiedOnce(t *testing.T) {
	g, store := guard(t, func(o *Options) { o.LinkSecret = secret; o.Slots = nil })
	count := &counting{authenticator: g.auth}
	g.auth = count
	shows := func(token string) *http.Request { return asks("/live", "Authorization", "Bearer "+token) }
	fine := sign(t, jose.HS256, secret, "", good("jti", "t1"))
	wrong := sign(t, jose.HS256, append([]byte("x"), secret...), "", good())
	for _, c := range []struct {
		name, token string
		status      int
		verified    int // by then
		recognized  bool
	}{
		{"a good token", fine, 0, 1, true},
		{"the same", fine, 0, 1, true},
		{"a wrong one", wrong, http.StatusUnauthorized, 2, false},
		{"the same", wrong, http.StatusUnauthorized, 3, false},
		{"none", "", http.StatusUnauthorized, 4, false},
		{"what no header may have", "x\r\n", http.StatusUnauthorized, 4, false},
	} {
		r := shows(c.token)
		if _, status := g.Authenticate(r); status != c.status || count.asked != c.verified || g.Recognize(r) != c.recognized {
			t.Errorf("%s: status %d after %d verifications, recognized %v, want %+v", c.name, status, count.asked, g.Recognize(r), c)
		}
	}
	link := Link{Event: "rally", Expires: time.Now().Add(time.Hour)}
	token, err := link.Sign(secret)
	if err != nil {
		t.Fatal(err)
	}
	if r := shows(token); g.Recognize(r) {
		t.Error("a link that nobody has used is recognized")
	} else if _, status := g.Authenticate(r); status != 0 || !g.Recognize(r) {
		t.Errorf("a link: status %d, recognized %v", status, g.Recognize(r))
	}
	if err := store.Revoke(t.Context(), "t1", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := g.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, status := g.Authenticate(shows(fine)); status != http.StatusUnauthorized {
		t.Errorf("a revoked token that was good before: status %d", status)
	}
	if id, err := g.verifyCached("old", func(context.Context) (*Identity, error) {
		return &Identity{expires: time.Now().Add(-time.Second)}, nil
	}); err != nil || id == nil || g.Recognize(shows("old")) {
		t.Errorf("%+v, %v: a token is kept beyond its end", id, err)
	}
}

// A token whose key has been taken out of the set is verified again, and refused.
func TestOtherKeysHaveTokensVerifiedAgain(t *testing.T) {
	d := newDouble(t, says(200, jwksOf(pubKey("1", rsaKey().Public()))))
	g, _ := guard(t, func(o *Options) { o.JWT = JWTOptions{KeySetURL: d.URL, Refresh: time.Hour} })
	if err := g.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := asks("/live", "Authorization", "Bearer "+sign(t, jose.RS256, rsaKey(), "1", good()))
	if _, status := g.Authenticate(r); status != 0 || !g.Recognize(r) {
		t.Fatalf("status %d, recognized %v", status, g.Recognize(r))
	}
	if err := g.set.fetch(t.Context()); err != nil || !g.Recognize(r) {
		t.Errorf("the same keys again: %v, recognized %v", err, g.Recognize(r))
	}
	d.say(says(200, jwksOf(pubKey("2", ecKey().Public()))))
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

// Where the platform is asked, those are recognized whose yes is kept.
func TestCachedPlatformAnswerIsRecognized(t *testing.T) {
	d := newDouble(t, says(200, `{"id":"ada"}`))
	g, _ := guard(t, func(o *Options) { o.Mode, o.URL, o.Cache = ModeHTTP, d.URL, time.Hour })
	ada, bob := asks("/live?access_token=ada"), asks("/live", "Authorization", "Bearer bob")
	if g.Recognize(ada) {
		t.Error("somebody is recognized whom nobody has asked about")
	}
	if _, status := g.Authenticate(ada); status != 0 || !g.Recognize(ada) {
		t.Errorf("status %d, recognized %v", status, g.Recognize(ada))
	}
	d.say(says(401, ""))
	if _, status := g.Authenticate(bob); status != http.StatusUnauthorized || g.Recognize(bob) {
		t.Errorf("a no: status %d, recognized %v", status, g.Recognize(bob))
	}
}

// No more verifications are under way than half of the processors carry.
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
		t.Error("one verification too many")
	default:
	}
	for range cap(verifySlots) {
		<-verifySlots
	}
	<-done
}

// What a wrong token costs, and a good one that was seen before.
func BenchmarkTokens(b *testing.B) {
	v, err := newVerifier(JWTOptions{Keys: publicPEM(ecKey().Public())}, nil)
	if err != nil {
		b.Fatal(err)
	}
	g, _ := guard(b, func(o *Options) { o.JWT = JWTOptions{Keys: publicPEM(ecKey().Public())} })
	fine := sign(b, jose.ES256, ecKey(), "", good())
	wrong := fine[:len(fine)-4] + "AAAA"
	b.Run("verified", func(b *testing.B) {
		for b.Loop() {
			_, _ = v.authenticate(b.Context(), nil, credential{token: wrong})
		}
	})
	b.Run("recognized", func(b *testing.B) {
		r := asks("/live", "Authorization", "Bearer "+fine)
		g.Authenticate(r)
		for b.Loop() {
			if !g.Recognize(r) {
				b.Fatal("not recognized")
			}
		}
	})
}
