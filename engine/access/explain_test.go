package access

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Explain accepts exactly what Authenticate accepts, gives the reason that Authenticate
// counts, and says what the token holds.
func TestExplainDecidesAsAuthenticate(t *testing.T) {
	now := time.Now()
	g, store := newGuard(t, func(o *Options) {
		o.LinkSecret, o.Decide = secret, []string{ByClaims, BySQL}
		o.JWT.Issuer = "platform"
	})
	store.add(t, "ada", "members", "x")
	if err := store.Revoke(t.Context(), "out", now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := g.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	link := Link{Event: "rally", Expires: now.Add(time.Hour), MaxConnections: 3}
	linkToken := must(link.Sign(secret))
	own := func(more ...any) string { return validToken(t, append([]any{"iss", "platform"}, more...)...) }
	for _, c := range []struct {
		name, token, kind, reason string
		verified                  bool
	}{
		{"good", own("events", []any{"a", 7}), KindUser, "", true},
		{"a link", linkToken, KindLink, "", true},
		{"text", "hello", KindOther, reasonMalformed, false},
		{"nothing", "", KindOther, reasonNone, false},
		{"bytes", "x\r\nX", KindOther, reasonUnreadable, false},
		{"another algorithm", sign(t, jose.HS512, slices.Concat(secret, secret), "", validClaims()), KindUser, reasonMalformed, false},
		{"another secret", sign(t, jose.HS256, []byte("another secret of 32 bytes or so"), "", validClaims()), KindUser, reasonSignature, false},
		{"another link secret", must((&Link{Event: "e", Expires: now.Add(time.Hour)}).Sign([]byte("another secret of 32 bytes or so"))), KindLink, reasonSignature, false},
		{"expired", own("exp", now.Add(-time.Hour).Unix()), KindUser, reasonExpired, true},
		{"early", own("nbf", now.Add(time.Hour).Unix()), KindUser, reasonEarly, true},
		{"issuer", validToken(t), KindUser, reasonIssuer, true},
		{"claims", own("events", "rally"), KindUser, reasonClaims, true},
		{"revoked", own("jti", "out"), KindUser, reasonRevoked, true},
	} {
		x, err := g.Explain(t.Context(), c.token)
		if err != nil || x.Kind != c.kind || x.Reason != c.reason || x.Accepted != (c.reason == "") || x.Verified != c.verified {
			t.Errorf("%s: %+v, %v; want kind %q, reason %q, verified %v", c.name, x, err, c.kind, c.reason, c.verified)
		}
		r := newRequest("/live")
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		before := uint64(0)
		if c.reason != "" {
			before = g.meters.reasons[c.reason].Get()
		}
		if c.kind == KindLink && c.reason == "" {
			continue // its connections are counted in Redis, which this Guard does not have
		}
		_, status := g.Authenticate(r)
		if (status == 0) != x.Accepted || status != 0 && status != http.StatusUnauthorized {
			t.Errorf("%s: Authenticate answers %d, Explain %+v", c.name, status, x)
		}
		if c.reason != "" && g.meters.reasons[c.reason].Get() != before+1 {
			t.Errorf("%s: Authenticate counts another reason than %s", c.name, c.reason)
		}
	}

	x, _ := g.Explain(t.Context(), own("events", []any{"a*", 7}, "jti", 5))
	if x.User != "ada" || x.ID != "5" || x.Issuer != "platform" || !slices.Equal(x.Events, []string{"a*", "7"}) || time.Until(x.Expires) < 50*time.Minute {
		t.Errorf("a user token: %+v", x)
	}
	watches(t, g, x, map[string]bool{"abc": true, "7": true, "members": true, "b": false})
	x, _ = g.Explain(t.Context(), "https://live.example/#event=rally&token="+linkToken)
	if x.Event != "rally" || x.MaxConnections != 3 || x.ID != link.ID {
		t.Errorf("a link: %+v", x)
	}
	watches(t, g, x, map[string]bool{"rally": true, "members": false})
	x, _ = g.Explain(t.Context(), "hello")
	watches(t, g, x, map[string]bool{"rally": false})
}

func watches(t *testing.T, g *Guard, x Explanation, want map[string]bool) {
	t.Helper()
	for event, w := range want {
		if got, err := g.MayWatch(t.Context(), x, event); got != w || err != nil {
			t.Errorf("%s may watch %s: %v, %v; want %v", x.User+x.Event, event, got, err, w)
		}
	}
}

// Where no credentials are needed, a token is not looked at.
func TestExplainWithoutCredentials(t *testing.T) {
	g, _ := newGuard(t, func(o *Options) { o.Mode, o.Decide = ModeNone, nil })
	x, err := g.Explain(t.Context(), validToken(t))
	if err != nil || !x.Accepted || !x.Ignored || x.Verified {
		t.Errorf("got %+v, %v", x, err)
	}
	watches(t, g, x, map[string]bool{"any": true})
}

// With AUTH_MODE=http the platform is asked.
func TestExplainAsksThePlatform(t *testing.T) {
	g, platform := newPlatformGuard(t, response(http.StatusUnauthorized, ""), noCache)
	if x, err := g.Explain(t.Context(), "opaque"); err != nil || x.Accepted || x.Reason != reasonPlatform {
		t.Errorf("refused: %+v, %v", x, err)
	}
	platform.respond(response(http.StatusOK, `{"id":"ada"}`))
	if x, err := g.Explain(t.Context(), "opaque"); err != nil || !x.Accepted || x.Kind != KindOther || x.Verified {
		t.Errorf("accepted: %+v, %v", x, err)
	}
	platform.respond(response(http.StatusInternalServerError, ""))
	if x, err := g.Explain(t.Context(), "opaque"); err == nil || x.Accepted {
		t.Errorf("no answer: %+v, %v", x, err)
	}
}

// Issue signs with each kind of key, and only what a Guard accepts.
func TestIssuedTokensAreAccepted(t *testing.T) {
	private := func(k any) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(k))})
	}
	keys := newStubServer(t, response(http.StatusOK, jwksOf(jose.JSONWebKey{Key: otherRSA().Public(), KeyID: "2030", Use: "sig"})))
	g, _ := newGuard(t, func(o *Options) {
		o.JWT.Keys, o.JWT.Issuer, o.JWT.Audience = publicPEM(rsaKey().Public(), ecKey().Public(), edKey().Public()), "platform", "pitwall"
		o.JWT.KeySetURL = keys.URL
	})
	ecOld := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: must(x509.MarshalECPrivateKey(ecKey()))})
	rsaOld := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey())})
	for alg, file := range map[string][]byte{
		"HS256": nil, "RS256": private(rsaKey()), "ES256": private(ecKey()), "EdDSA": private(edKey()),
		"RS256 ": rsaOld, "ES256 ": ecOld, "RS256  ": private(otherRSA()), // the last by the key set
	} {
		u := UserToken{User: "ada", Events: []string{"rally-*"}, Expires: time.Now().Add(time.Hour)}
		if alg == "RS256  " {
			u.KeyID = "2030"
		}
		o := g.o
		o.Metrics.UnregisterAllMetrics()
		token, err := u.Issue(t.Context(), o, file)
		if err != nil {
			t.Errorf("%s: %v", alg, err)
			continue
		}
		x, err := g.Explain(t.Context(), token)
		if err != nil || !x.Accepted || x.Algorithm != strings.TrimSpace(alg) || x.User != "ada" || x.ID != u.ID {
			t.Errorf("%s: %+v, %v", alg, x, err)
		}
		watches(t, g, x, map[string]bool{"rally-1": true, "b": false})
	}
	for name, c := range map[string]struct {
		change func(*Options)
		token  UserToken
		file   []byte
		want   string
	}{
		"no key":             {func(o *Options) { o.JWT.Secret = nil }, UserToken{User: "ada"}, nil, "--key-file"},
		"a key of nobody":    {func(o *Options) { o.JWT.Keys, o.JWT.KeySetURL = nil, "" }, UserToken{User: "ada"}, private(ecKey()), "refuse"},
		"a public key":       {nil, UserToken{User: "ada"}, publicPEM(ecKey().Public()), "PUBLIC KEY"},
		"no PEM":             {nil, UserToken{User: "ada"}, []byte("hush"), "not PEM"},
		"a broken key":       {nil, UserToken{User: "ada"}, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("hush")}), "cannot be read"},
		"no subject":         {nil, UserToken{}, nil, "subject"},
		"an event of no id":  {nil, UserToken{User: "ada", Events: []string{""}}, nil, "event"},
		"an expiry long ago": {nil, UserToken{User: "ada", Expires: time.Now().Add(-time.Hour)}, nil, "expired"},
	} {
		o := g.o
		o.Metrics.UnregisterAllMetrics()
		if c.change != nil {
			c.change(&o)
		}
		if c.token.Expires.IsZero() {
			c.token.Expires = time.Now().Add(time.Hour)
		}
		if token, err := c.token.Issue(t.Context(), o, c.file); err == nil || token != "" || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %q, %v; want an error with %q", name, token, err, c.want)
		}
	}
}
