package access

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func pubKey(kid string, k any) jose.JSONWebKey {
	return jose.JSONWebKey{Key: k, KeyID: kid, Use: "sig"}
}

// newKeySetVerifier is a verifier with the key set of a server.
func newKeySetVerifier(t *testing.T, d *stubServer, timeout, every time.Duration) *verifier {
	t.Helper()
	c := newClient("test", timeout, 64)
	t.Cleanup(c.close)
	set := newKeySet(d.URL+"/jwks.json", c, every, slog.New(slog.DiscardHandler), func() {})
	v, err := newVerifier(JWTOptions{Leeway: time.Second}, set)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// accepts reports whether v accepts a token.
func (v *verifier) accepts(t *testing.T, token string) bool {
	t.Helper()
	_, err := v.authenticate(t.Context(), nil, credential{token: token})
	return err == nil
}

// When the platform rotates its keys, tokens of a new key are accepted at once, and
// those of an old one until it is gone.
func TestRotation(t *testing.T) {
	d := newStubServer(t, response(200, jwksOf(pubKey("1", rsaKey().Public()))))
	v := newKeySetVerifier(t, d, patience, time.Hour)
	if err := v.set.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, second := sign(t, jose.RS256, rsaKey(), "1", validClaims()), sign(t, jose.ES256, ecKey(), "2", validClaims())
	if !v.accepts(t, first) || v.accepts(t, second) {
		t.Error("before the rotation, a token of the first key is refused, or one of the second is accepted")
	}
	d.respond(response(200, jwksOf(pubKey("2", ecKey().Public()), pubKey("1", rsaKey().Public()))))
	if !v.accepts(t, second) || !v.accepts(t, first) {
		t.Error("with both keys in the set, a token is refused")
	}
	d.respond(response(200, jwksOf(pubKey("2", ecKey().Public()))))
	if err := v.set.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v.accepts(t, first) || !v.accepts(t, second) {
		t.Error("without the first key, a token of it is accepted, or one of the second is refused")
	}
}

// Tokens with unknown key ids make the verifier fetch the set, but not often.
func TestUnknownKeysCauseFewFetches(t *testing.T) {
	d := newStubServer(t, response(200, jwksOf(pubKey("1", rsaKey().Public()))))
	v := newKeySetVerifier(t, d, patience, time.Hour)
	if err := v.set.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	var all sync.WaitGroup
	for i := range 200 {
		token := sign(t, jose.ES256, ecKey(), fmt.Sprintf("made up %d", i), validClaims())
		all.Go(func() {
			if _, err := v.authenticate(t.Context(), nil, credential{token: token}); err == nil {
				t.Errorf("a token with an unknown key is accepted")
			}
		})
	}
	all.Wait()
	// The first fetch, the burst, and those that the elapsed time allows.
	most := 1 + fetchBurst + 1 + int64(time.Since(begin)/fetchInterval)
	if n := d.requests.Load(); n > most {
		t.Errorf("200 unknown key ids caused %d fetches, want %d at most", n, most)
	}
	before := d.requests.Load()
	if v.accepts(t, sign(t, jose.RS256, otherRSA(), "1", validClaims())) {
		t.Error("a forged token is accepted")
	}
	if n := d.requests.Load(); n != before {
		t.Errorf("a bad signature with a known key id caused %d fetches, want 0", n-before)
	}
}

// Fetches are limited to a burst, and then one per interval.
func TestFetchesAreLimited(t *testing.T) {
	s := &keySet{fetches: fetchBurst}
	now := time.Now()
	allowed := func() (n int) {
		for s.allowFetch(now) {
			n++
		}
		return n
	}
	if n := allowed(); n != fetchBurst {
		t.Errorf("%d fetches are allowed at once, want %d", n, fetchBurst)
	}
	now = now.Add(fetchInterval + time.Millisecond)
	if n := allowed(); n != 1 {
		t.Errorf("%d fetches are allowed after an interval, want 1", n)
	}
	now = now.Add(time.Hour)
	if n := allowed(); n != fetchBurst {
		t.Errorf("%d fetches are allowed after an hour, want %d", n, fetchBurst)
	}
}

// When a fetch fails, in whatever way, the last good keys are kept.
func TestLastGoodKeysAreKept(t *testing.T) {
	fine := jwksOf(pubKey("1", rsaKey().Public()))
	token := sign(t, jose.RS256, rsaKey(), "1", validClaims())
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"an error", response(500, "sorry"), "500"},
		{"not found", response(404, "{}"), "404"},
		{"a redirect to a good set", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/jwks.json" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			response(200, fine)(w, r)
		}, "302"},
		{"a page", response(200, "<html>sign in</html>"), "Web Key Set"},
		{"no keys", response(200, `{"keys":[]}`), "no public key"},
		{"ten megabytes", response(200, strings.Repeat(" ", 10<<20)+fine), "longer than"},
		{"nothing in time", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "fetch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newStubServer(t, response(200, fine))
			timeout := patience
			if c.name == "nothing in time" {
				timeout = shortTimeout
			}
			v := newKeySetVerifier(t, d, timeout, time.Hour)
			v.set.client.http.Timeout = patience
			if err := v.set.fetch(t.Context()); err != nil {
				t.Fatal(err)
			}
			v.set.client.http.Timeout = timeout
			d.respond(c.answer)
			err := v.set.fetch(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "JWKS_URL") {
				t.Errorf("got error %v, want one with JWKS_URL and %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), d.URL) {
				t.Errorf("error %q contains the URL, want it without", err)
			}
			if !v.accepts(t, token) {
				t.Error("a token of the last good keys is refused")
			}
		})
	}
}

// The set is fetched again at the interval.
func TestKeysAreRefreshed(t *testing.T) {
	d := newStubServer(t, response(200, jwksOf(pubKey("1", rsaKey().Public()))))
	g, _ := newGuard(t, func(o *Options) {
		o.JWT = JWTOptions{KeySetURL: d.URL + "/jwks.json", Refresh: 20 * time.Millisecond}
	})
	runGuard(t, g)
	d.respond(response(200, jwksOf(pubKey("2", rsaKey().Public()))))
	eventually(t, "the new keys", func() bool { return g.set.current()[0].id == "2" })
}
