package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// leeway of the verifiers below. It leaves a test time until a token is verified.
const leeway = time.Minute

// newPlatformVerifier is a verifier of tokens for an issuer and an audience.
func newPlatformVerifier(t *testing.T, keys []byte) *verifier {
	t.Helper()
	v, err := newVerifier(JWTOptions{Secret: secret, Keys: keys, Issuer: "platform", Audience: "pitwall", Leeway: leeway}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// platformClaims are validClaims with that issuer and audience.
func platformClaims(more ...any) map[string]any {
	return validClaims(append([]any{"iss", "platform", "aud", "pitwall"}, more...)...)
}

// Valid tokens are accepted, with all algorithms.
func TestGoodTokens(t *testing.T) {
	v := newPlatformVerifier(t, publicPEM(rsaKey().Public(), ecKey().Public(), edKey().Public()))
	now := time.Now().Unix()
	for _, c := range []struct {
		name   string
		token  string
		events []string
	}{
		{"HS256", sign(t, jose.HS256, secret, "", platformClaims()), nil},
		{"RS256", sign(t, jose.RS256, rsaKey(), "", platformClaims()), nil},
		{"ES256", sign(t, jose.ES256, ecKey(), "", platformClaims()), nil},
		{"EdDSA", sign(t, jose.EdDSA, edKey(), "", platformClaims()), nil},
		{"a kid that the file does not know", sign(t, jose.RS256, rsaKey(), "2024", platformClaims()), nil},
		{"several audiences", sign(t, jose.HS256, secret, "", platformClaims("aud", []string{"x", "pitwall"})), nil},
		{"expired within the leeway", sign(t, jose.HS256, secret, "", platformClaims("exp", now-2)), nil},
		{"not before, within the leeway", sign(t, jose.HS256, secret, "", platformClaims("nbf", now+2)), nil},
		{"events", sign(t, jose.HS256, secret, "", platformClaims("events", []any{"rally", 42, "*"})), []string{"rally", "42", "*"}},
		{"no events", sign(t, jose.HS256, secret, "", platformClaims("events", []any{})), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := v.authenticate(t.Context(), nil, credential{token: c.token})
			if err != nil {
				t.Fatalf("token %s is refused: %v", c.token, err)
			}
			if id.user != "ada" || !slices.Equal(id.events, c.events) || id.expires.Before(time.Now()) {
				t.Errorf("got %+v, want ada with %q", id, c.events)
			}
		})
	}
}

// Every bad token gets the same error, so that a stranger learns nothing from it.
func TestBadTokensGetTheSameError(t *testing.T) {
	v := newPlatformVerifier(t, publicPEM(rsaKey().Public(), ecKey().Public()))
	now := time.Now().Unix()
	fine := sign(t, jose.HS256, secret, "", platformClaims())
	parts := strings.Split(fine, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	for _, c := range []struct{ name, token string }{
		{"no token", ""},
		{"one word", "hello"},
		{"dots", ".."},
		{"no algorithm", b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."},
		{"no algorithm, with a signature", b64([]byte(`{"alg":"None"}`)) + "." + parts[1] + "." + parts[2]},
		{"the public key as HMAC secret", sign(t, jose.HS256, publicPEM(rsaKey().Public()), "", platformClaims())},
		{"HS512 with the right secret", sign(t, jose.HS512, append(secret, secret...), "", platformClaims())},
		{"PS256 with the right key", sign(t, jose.PS256, rsaKey(), "", platformClaims())},
		{"ES384", sign(t, jose.ES384, p384, "", platformClaims())},
		{"EdDSA, which no key is for", sign(t, jose.EdDSA, edKey(), "", platformClaims())},
		{"another secret", sign(t, jose.HS256, []byte("another secret of 32 bytes or so"), "", platformClaims())},
		{"another RSA key", sign(t, jose.RS256, otherRSA(), "", platformClaims())},
		{"a changed payload", parts[0] + "." + b64([]byte(`{"sub":"eve","exp":9999999999}`)) + "." + parts[2]},
		{"a signature cut", fine[:len(fine)-4]},
		{"a fourth part", fine + ".x"},
		{"JSON serialisation", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`},
		{"no exp", sign(t, jose.HS256, secret, "", platformClaims("exp", nil))},
		{"expired", sign(t, jose.HS256, secret, "", platformClaims("exp", now-61))},
		{"exp is text", sign(t, jose.HS256, secret, "", platformClaims("exp", "tomorrow"))},
		{"exp is 0", sign(t, jose.HS256, secret, "", platformClaims("exp", 0))},
		{"exp is negative", sign(t, jose.HS256, secret, "", platformClaims("exp", -1))},
		{"exp beyond every calendar", sign(t, jose.HS256, secret, "", platformClaims("exp", 1e300))},
		{"not yet valid", sign(t, jose.HS256, secret, "", platformClaims("nbf", now+600))},
		{"issued in the future", sign(t, jose.HS256, secret, "", platformClaims("iat", now+600))},
		{"another issuer", sign(t, jose.HS256, secret, "", platformClaims("iss", "evil"))},
		{"no issuer", sign(t, jose.HS256, secret, "", platformClaims("iss", nil))},
		{"another audience", sign(t, jose.HS256, secret, "", platformClaims("aud", "shop"))},
		{"no audience", sign(t, jose.HS256, secret, "", platformClaims("aud", nil))},
		{"events is text", sign(t, jose.HS256, secret, "", platformClaims("events", "*"))},
		{"events holds an object", sign(t, jose.HS256, secret, "", platformClaims("events", []any{map[string]any{}}))},
		{"events holds an empty id", sign(t, jose.HS256, secret, "", platformClaims("events", []any{""}))},
		{"a very long user", sign(t, jose.HS256, secret, "", platformClaims("sub", strings.Repeat("x", maxID+1)))},
	} {
		t.Run(c.name, func(t *testing.T) {
			if id, err := v.authenticate(t.Context(), nil, credential{token: c.token}); !errors.Is(err, errRefused) || err.Error() != "refused" || id != nil {
				t.Errorf("token %s: got %+v, %v; want nil and the error %q", c.token, id, err, errRefused)
			}
		})
	}
}

func TestSettingsOfJWT(t *testing.T) {
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	for _, c := range []struct {
		name string
		o    JWTOptions
		want string
	}{
		{"no key", JWTOptions{}, "JWT_SECRET, JWT_PUBLIC_KEY_FILE or JWKS_URL"},
		{"a short secret", JWTOptions{Secret: secret[:31]}, "JWT_SECRET has 31 bytes"},
		{"a file of something else", JWTOptions{Keys: []byte("hello")}, "JWT_PUBLIC_KEY_FILE"},
		{"a curve that is not served", JWTOptions{Keys: publicPEM(p384.Public())}, "P-256"},
	} {
		if _, err := newVerifier(c.o, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.name, err, c.want)
		}
	}
}

func TestGrants(t *testing.T) {
	for _, c := range []struct {
		g     grants
		event string
		want  bool
	}{
		{nil, "rally", false},
		{grants{"rally"}, "rally", true},
		{grants{"rally"}, "rally-2", false},
		{grants{"*"}, "anything", true},
		{grants{"rally-*"}, "rally-2", true},
		{grants{"rally-*"}, "rally", false},
		{grants{"tour", "rally-*"}, "tour", true},
		{grants{"ra*y"}, "rally", false},
	} {
		if got := c.g.has(c.event); got != c.want {
			t.Errorf("grants %q have %q: %v, want %v", c.g, c.event, got, c.want)
		}
	}
}

// FuzzToken checks that only tokens signed with the key are accepted.
func FuzzToken(f *testing.F) {
	v, err := newVerifier(JWTOptions{Secret: secret, Keys: publicPEM(ecKey().Public())}, nil)
	if err != nil {
		f.Fatal(err)
	}
	fine := sign(f, jose.HS256, secret, "k", validClaims())
	for _, s := range []string{fine, sign(f, jose.ES256, ecKey(), "", validClaims()), "a.b.c", "", "..", strings.Repeat(".", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		id, err := v.authenticate(t.Context(), nil, credential{token: token})
		if err != nil && !errors.Is(err, errRefused) {
			t.Errorf("token %q: got error %v, want errRefused", token, err)
		}
		if err == nil && id.user != "ada" {
			t.Errorf("token %q gives identity %+v, want ada", token, id)
		}
	})
}
