package access

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Links of the present and the previous secret are good; with the next rotation those of
// the first end. A token of a removed secret is refused although it was verified before.
func TestSecretsAreRotated(t *testing.T) {
	a, b, c := []byte("a-0123456789abcdef0123456789abcdef"), []byte("b-0123456789abcdef0123456789abcdef"), []byte("c-0123456789abcdef0123456789abcdef")
	g, _ := newGuard(t, func(o *Options) { o.LinkSecret, o.PreviousLinkSecret, o.JWT.Secret = b, a, secret })
	link := func(secret []byte) string {
		l := Link{Event: "race", Expires: time.Now().Add(time.Hour)}
		return must(l.Sign(secret))
	}
	token := func(secret []byte) string {
		return sign(t, jose.HS256, secret, "", map[string]any{"sub": "ada", "exp": time.Now().Add(time.Hour).Unix()})
	}
	admitted := func(token string) bool {
		r := httptest.NewRequest("GET", "/live", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		_, status := g.Authenticate(r)
		return status == 0
	}
	old := token(secret)
	check := func(when string, want map[string]bool) {
		t.Helper()
		for name, made := range map[string]string{"link a": link(a), "link b": link(b), "link c": link(c), "token": old, "token c": token(c)} {
			if got := admitted(made); got != want[name] {
				t.Errorf("%s: %s is admitted: %t", when, name, got)
			}
		}
	}
	check("at first", map[string]bool{"link a": true, "link b": true, "token": true})
	if err := g.Reload(Secrets{Token: c, Link: c, PreviousLink: b}); err != nil {
		t.Fatal(err)
	}
	check("after a rotation", map[string]bool{"link b": true, "link c": true, "token c": true})
	for name, bad := range map[string]Secrets{
		"no links": {Token: secret}, "a short secret": {Token: secret, Link: []byte("short")}, "no key": {Link: b}, "a bad key": {Token: secret, Link: b, Public: []byte("x")},
	} {
		if err := g.Reload(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	check("after errors", map[string]bool{"link b": true, "link c": true, "token c": true})
}
