package access

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/go-jose/go-jose/v4"

	"pitwall/engine/internal/db"
	"pitwall/engine/internal/testenv"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// shortTimeout is the timeout of requests that a test wants to time out.
const shortTimeout = 200 * time.Millisecond

// Keys are made once, since RSA keys take long.
var (
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	otherRSA = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey    = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	edKey    = sync.OnceValue(func() ed25519.PrivateKey {
		_, k, err := ed25519.GenerateKey(rand.Reader)
		return must(k, err)
	})
	secret = []byte("0123456789abcdef0123456789abcdef")
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// publicPEM is a PEM file of public keys.
func publicPEM(keys ...any) []byte {
	var out []byte
	for _, k := range keys {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(k))})...)
	}
	return out
}

// sign makes a token, with a kid unless it is "".
func sign(t testing.TB, alg jose.SignatureAlgorithm, k any, kid string, claims map[string]any) string {
	t.Helper()
	o := &jose.SignerOptions{}
	if kid != "" {
		o.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: k}, o)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := s.Sign(must(json.Marshal(claims)))
	if err != nil {
		t.Fatal(err)
	}
	return must(sig.CompactSerialize())
}

// validClaims are claims that are accepted, changed by names and values in pairs. A
// nil value removes the claim.
func validClaims(more ...any) map[string]any {
	c := map[string]any{"sub": "ada", "exp": time.Now().Add(time.Hour).Unix()}
	for i := 0; i < len(more); i += 2 {
		if name := more[i].(string); more[i+1] == nil {
			delete(c, name)
		} else {
			c[name] = more[i+1]
		}
	}
	return c
}

// validToken is a token of validClaims, signed with secret.
func validToken(t testing.TB, more ...any) string {
	t.Helper()
	return sign(t, jose.HS256, secret, "", validClaims(more...))
}

// stubServer is an HTTP server whose answer the test sets. It counts requests.
type stubServer struct {
	*httptest.Server
	requests atomic.Int64
	answer   atomic.Pointer[http.HandlerFunc]
}

func newStubServer(t testing.TB, answer http.HandlerFunc) *stubServer {
	d := &stubServer{}
	d.respond(answer)
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.requests.Add(1)
		(*d.answer.Load())(w, r)
	}))
	t.Cleanup(d.Close)
	return d
}

func (d *stubServer) respond(answer http.HandlerFunc) { d.answer.Store(&answer) }

// response answers with a status and a body.
func response(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// jwksOf is the JSON of a key set.
func jwksOf(keys ...jose.JSONWebKey) string {
	return string(must(json.Marshal(jose.JSONWebKeySet{Keys: keys})))
}

// newGuard makes a Guard on a new embedded database. change sets options.
func newGuard(t testing.TB, change func(*Options)) (*Guard, store) {
	t.Helper()
	dir := t.TempDir()
	d, err := db.Open(t.Context(), db.Options{DataDir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	if _, err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := Options{
		Mode: ModeJWT, JWT: JWTOptions{Secret: secret, Leeway: 5 * time.Second, Refresh: time.Hour}, Decide: []string{ByClaims},
		Timeout: patience, Cache: time.Minute, Refresh: 20 * time.Millisecond, Grace: time.Hour,
		Store: d, Changed: func() {}, Logger: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(),
	}
	change(&o)
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.clients.close)
	if err := g.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	name := url.URL{Scheme: "file", Path: filepath.Join(dir, "pitwall.db"), RawQuery: "_pragma=busy_timeout(10000)"}
	file, err := sql.Open("sqlite", name.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return g, store{d, file}
}

// newPlatformGuard makes a Guard with AUTH_MODE=http, and the platform that it asks.
func newPlatformGuard(t testing.TB, answer http.HandlerFunc, change ...func(*Options)) (*Guard, *stubServer) {
	t.Helper()
	d := newStubServer(t, answer)
	g, _ := newGuard(t, func(o *Options) {
		o.Mode, o.URL = ModeHTTP, d.URL
		for _, f := range change {
			f(o)
		}
	})
	return g, d
}

// noCache has the platform asked each time.
func noCache(o *Options) { o.Cache = 0 }

// store is the embedded database, and its file, opened as another process would.
type store struct {
	db.Database
	file *sql.DB
}

// add writes a member and a public event into the file.
func (s store) add(t *testing.T, user, event, public string) {
	t.Helper()
	for _, q := range []struct {
		text string
		args []any
	}{
		{"INSERT INTO pitwall_members (user_id, event_id) VALUES (?, ?)", []any{user, event}},
		{"INSERT INTO pitwall_events (event_id, public) VALUES (?, true)", []any{public}},
	} {
		if _, err := s.file.ExecContext(t.Context(), q.text, q.args...); err != nil {
			t.Fatalf("%s: %v", q.text, err)
		}
	}
}

// runGuard runs the Guard until the test ends.
func runGuard(t *testing.T, g *Guard) {
	ctx, cancel := context.WithCancel(context.Background())
	var own sync.WaitGroup
	own.Go(func() { _ = g.Run(ctx) })
	t.Cleanup(func() { cancel(); own.Wait() })
}

// eventually waits until ok returns true. what completes "waited for".
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	testenv.Eventually(t, patience, what, ok)
}

// newRequest is a GET request with headers in pairs.
func newRequest(target string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// bearerRequest is a handshake with a token.
func bearerRequest(token string) *http.Request {
	return newRequest("/live", "Authorization", "Bearer "+token)
}
