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

// overSet is a verifier with the keys of a server.
func overSet(t *testing.T, d *double, timeout, every time.Duration) *verifier {
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

func (v *verifier) takes(t *testing.T, token string) bool {
	t.Helper()
	_, err := v.authenticate(t.Context(), nil, credential{token: token})
	return err == nil
}

func TestRotation(t *testing.T) {
	d := newDouble(t, says(200, jwksOf(pubKey("1", rsaKey().Public()))))
	v := overSet(t, d, patience, time.Hour)
	if err := v.set.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, second := sign(t, jose.RS256, rsaKey(), "1", good()), sign(t, jose.ES256, ecKey(), "2", good())
	if !v.takes(t, first) || v.takes(t, second) {
		t.Error("before the rotation: want the first key's tokens and no others")
	}
	d.say(says(200, jwksOf(pubKey("2", ecKey().Public()), pubKey("1", rsaKey().Public()))))
	if !v.takes(t, second) || !v.takes(t, first) {
		t.Error("with both keys there: want both keys' tokens")
	}
	d.say(says(200, jwksOf(pubKey("2", ecKey().Public()))))
	if err := v.set.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v.takes(t, first) || !v.takes(t, second) {
		t.Error("with the first key gone: want the second key's tokens and no others")
	}
}

func TestUnknownKeysCauseFewFetches(t *testing.T) {
	d := newDouble(t, says(200, jwksOf(pubKey("1", rsaKey().Public()))))
	v := overSet(t, d, patience, time.Hour)
	if err := v.set.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 200 {
		token := sign(t, jose.ES256, ecKey(), fmt.Sprintf("made up %d", i), good())
		all.Go(func() {
			if _, err := v.authenticate(t.Context(), nil, credential{token: token}); err == nil {
				t.Errorf("a token with an unknown key is taken")
			}
		})
	}
	all.Wait()
	// The first fetch, those that are allowed in a row, and what ten seconds
	// and more of a busy machine may add.
	if n := d.asked.Load(); n > 1+fetchBurst+6 {
		t.Errorf("200 unknown key ids caused %d fetches", n)
	}
	before := d.asked.Load()
	if v.takes(t, sign(t, jose.RS256, otherRSA(), "1", good())) {
		t.Error("a forged token is taken")
	}
	if n := d.asked.Load(); n != before {
		t.Error("a known key id with a bad signature caused a fetch")
	}
}

func TestFetchesAreLimited(t *testing.T) {
	s := &keySet{fetches: fetchBurst}
	now := time.Now()
	spent := func() (n int) {
		for s.allowFetch(now) {
			n++
		}
		return n
	}
	if n := spent(); n != fetchBurst {
		t.Errorf("%d at once, want %d", n, fetchBurst)
	}
	now = now.Add(fetchInterval + time.Millisecond)
	if n := spent(); n != 1 {
		t.Errorf("%d after a pause, want 1", n)
	}
	now = now.Add(time.Hour)
	if n := spent(); n != fetchBurst {
		t.Errorf("%d after an hour, want %d", n, fetchBurst)
	}
}

// TestLastGoodKeysAreKept lets the server of the keys do whatever servers do.
func TestLastGoodKeysAreKept(t *testing.T) {
	fine := jwksOf(pubKey("1", rsaKey().Public()))
	token := sign(t, jose.RS256, rsaKey(), "1", good())
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"an error", says(500, "sorry"), "500"},
		{"not there", says(404, "{}"), "404"},
		{"a redirect to something that would do", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/jwks.json" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			says(200, fine)(w, r)
		}, "302"},
		{"a page", says(200, "<html>sign in</html>"), "Web Key Set"},
		{"keys that are none", says(200, `{"keys":[]}`), "no public key"},
		{"ten megabytes", says(200, strings.Repeat(" ", 10<<20)+fine), "longer than"},
		{"nothing in time", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "fetch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDouble(t, says(200, fine))
			timeout := patience
			if c.name == "nothing in time" {
				timeout = shortTimeout
			}
			v := overSet(t, d, timeout, time.Hour)
			v.set.client.http.Timeout = patience
			if err := v.set.fetch(t.Context()); err != nil {
				t.Fatal(err)
			}
			v.set.client.http.Timeout = timeout
			d.say(c.answer)
			err := v.set.fetch(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "JWKS_URL") {
				t.Errorf("error %v, want one of JWKS_URL with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), d.URL) {
				t.Errorf("error %q names the URL", err)
			}
			if !v.takes(t, token) {
				t.Error("the last good keys are gone")
			}
		})
	}
}

func TestKeysAreRefreshed(t *testing.T) {
	d := newDouble(t, says(200, jwksOf(pubKey("1", rsaKey().Public()))))
	g, _ := guard(t, func(o *Options) {
		o.JWT = JWTOptions{KeySetURL: d.URL + "/jwks.json", Refresh: 20 * time.Millisecond}
	})
	run(t, g)
	d.say(says(200, jwksOf(pubKey("2", rsaKey().Public()))))
	eventually(t, "the new keys", func() bool { return g.set.current()[0].id == "2" })
}
