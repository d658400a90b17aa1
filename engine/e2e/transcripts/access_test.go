package transcripts

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"

	"pitwall/engine/admin"
	"pitwall/engine/config"
	"pitwall/engine/e2e/e2etest"

	"github.com/go-jose/go-jose/v4"
)

// platform is the service that access is checked with: a real HTTP server that
// answers as the transcript says, and signs tokens.
type platform struct {
	server *httptest.Server
	keys   map[string]*ecdsa.PrivateKey // by kid

	mu      sync.Mutex
	answers map[string]answer // by path
}

type answer struct{ status, body string }

func newPlatform() *platform {
	p := &platform{keys: map[string]*ecdsa.PrivateKey{}, answers: map[string]answer{}}
	p.server = httptest.NewServer(p)
	return p
}

// ServeHTTP answers with a status, or misbehaves as servers can: it redirects,
// hangs until the client has gone, or sends ten megabytes.
func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	a, ok := p.answers[r.URL.Path]
	if by, found := p.answers[r.URL.Path+" "+r.Header.Get("Authorization")+r.URL.RawQuery]; found {
		a, ok = by, true
	}
	p.mu.Unlock()
	status, err := strconv.Atoi(a.status)
	switch {
	case !ok:
		http.NotFound(w, r)
	case a.status == "redirect":
		http.Redirect(w, r, a.body, http.StatusFound)
	case a.status == "hang":
		<-r.Context().Done()
	case a.status == "flood":
		_, _ = w.Write(bytes.Repeat([]byte(" "), 10<<20)) // the client may have gone
		_, _ = w.Write([]byte(a.body))
	case err != nil:
		http.Error(w, "the transcript has a wrong status", http.StatusInternalServerError)
	default:
		w.WriteHeader(status)
		_, _ = w.Write([]byte(a.body))
	}
}

// access carries out the lines about access:
//
//	platform PATH STATUS [BODY]     what the platform at $platform answers
//	keys PATH KID…                  it serves these keys, as a JWKS
//	token $NAME [KID] CLAIMS        signs a token; "in":n stands for exp in n s
//	link $NAME EVENT TTL CONNECTIONS    pitwall token create; $NAME-id is its id
//	revoke ID                       pitwall token revoke
func (r *runner) accessStep(st *step, rest string) error {
	if r.platform == nil {
		r.platform = newPlatform()
		r.names["$platform"] = r.platform.server.URL
	}
	w, err := words(rest)
	if err != nil || len(w) < 1 {
		return fmt.Errorf("nothing after %s: %w", st.verb, err)
	}
	switch st.verb {
	case "platform":
		r.platform.set(w[0], answer{w[1], strings.Join(w[2:], " ")})
		return nil
	case "keys":
		return r.platform.serveKeys(w[0], w[1:])
	case "token":
		kid := ""
		if len(w) == 3 {
			kid = w[1]
		}
		r.names[w[0]], err = r.platform.sign(kid, w[len(w)-1])
		return err
	case "link":
		return r.link(w)
	}
	cfg, err := e2etest.Settings(r.backends.Flags...)
	if err != nil {
		return err
	}
	return admin.RevokeToken(r.context(), cfg.Database, w[0], time.Hour, r.log.Logger(), &bytes.Buffer{})
}

func (p *platform) set(path string, a answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[path] = a
}

// key returns the key of a key id, made on first use.
func (p *platform) key(kid string) (*ecdsa.PrivateKey, error) {
	if p.keys[kid] == nil {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		p.keys[kid] = k
	}
	return p.keys[kid], nil
}

func (p *platform) serveKeys(path string, kids []string) error {
	var set jose.JSONWebKeySet
	for _, kid := range kids {
		k, err := p.key(kid)
		if err != nil {
			return err
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public(), KeyID: kid, Use: "sig", Algorithm: "ES256"})
	}
	b, err := json.Marshal(set)
	p.set(path, answer{"200", string(b)})
	return err
}

// sign makes a token: ES256 with the key kid, or HS256 with JWTSecret where kid
// is "".
func (p *platform) sign(kid, text string) (string, error) {
	var claims map[string]any
	if err := json.Unmarshal([]byte(text), &claims); err != nil {
		return "", fmt.Errorf("claims %s: %w", text, err)
	}
	if in, ok := claims["in"].(float64); ok {
		delete(claims, "in")
		claims["exp"] = time.Now().Unix() + int64(in)
	}
	key := jose.SigningKey{Algorithm: jose.HS256, Key: []byte(e2etest.JWTSecret)}
	o := &jose.SignerOptions{}
	if kid != "" {
		k, err := p.key(kid)
		if err != nil {
			return "", err
		}
		key = jose.SigningKey{Algorithm: jose.ES256, Key: k}
		o.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(key, o)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	sig, err := s.Sign(payload)
	if err != nil {
		return "", err
	}
	return sig.CompactSerialize()
}

// link makes a share link as the command does, and binds names to its token and
// its id.
func (r *runner) link(w []string) error {
	if len(w) != 4 {
		return fmt.Errorf("want $NAME EVENT TTL CONNECTIONS, got %q", w)
	}
	ttl, err := time.ParseDuration(w[2])
	if err != nil {
		return err
	}
	most, err := strconv.Atoi(w[3])
	if err != nil {
		return err
	}
	var out bytes.Buffer
	cfg, err := e2etest.Settings(r.backends.Flags...)
	if err != nil {
		return err
	}
	if err := admin.CreateLink(r.context(), config.Links{JWTSecret: e2etest.JWTSecret}, cfg.Database, "http://x/", w[1], ttl, most, r.log.Logger(), &out); err != nil {
		return err
	}
	url, more, _ := strings.Cut(out.String(), "\n")
	_, token, found := strings.Cut(url, "&token=")
	fields := strings.Fields(more)
	if !found || len(fields) < 2 {
		return fmt.Errorf("printed %q", out.String())
	}
	r.names[w[0]], r.names[w[0]+"-id"] = token, fields[1]
	return nil
}
