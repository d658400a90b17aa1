package attack

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Tokens are the tokens of a run, signed by the harness instead of a platform.
type Tokens struct {
	PublicKey []byte   // PEM, for JWT_PUBLIC_KEY_FILE
	Good      string   // may watch every event, for a day
	Asked     string   // of the user Stranger, without events: the engine asks the platform
	Leaving   []string // the same for users whose names begin with Leaver
	Wrong     []string // invalid, each for another reason
}

// Users about whom the engine asks the platform.
const (
	Stranger = "stranger"
	Leaver   = "leaver-"
)

// leavers is the number of users whose names begin with Leaver. The engine asks about
// each of them at a different time. The result is that of the slowest.
const leavers = 10

// NewTokens makes a key and signs tokens with it (ES256).
func NewTokens() (*Tokens, error) {
	own, errOwn := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other, errOther := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := cmp.Or(errOwn, errOther); err != nil {
		return nil, fmt.Errorf("make a key for tokens: %w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(own.Public())
	if err != nil {
		return nil, fmt.Errorf("write a key for tokens: %w", err)
	}
	t := &Tokens{PublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), Leaving: make([]string, leavers), Wrong: make([]string, 3)}
	list := []struct {
		token *string
		alg   jose.SignatureAlgorithm
		key   any
		ttl   time.Duration
		user  string
		event string // "" for none
	}{
		{&t.Good, jose.ES256, own, 24 * time.Hour, spectator, "*"},
		{&t.Asked, jose.ES256, own, 24 * time.Hour, Stranger, ""},
		{&t.Wrong[0], jose.ES256, own, -time.Hour, spectator, "*"},        // expired
		{&t.Wrong[1], jose.ES256, other, time.Hour, spectator, "*"},       // another key
		{&t.Wrong[2], jose.HS256, t.PublicKey, time.Hour, spectator, "*"}, // the public key used as a secret
	}
	for i := range t.Leaving {
		token := list[1]
		token.token, token.user = &t.Leaving[i], fmt.Sprint(Leaver, i)
		list = append(list, token)
	}
	for _, x := range list {
		if *x.token, err = sign(x.alg, x.key, x.ttl, x.user, x.event); err != nil {
			return nil, fmt.Errorf("sign a token: %w", err)
		}
	}
	_, body, _ := strings.Cut(t.Good, ".")
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	claims, _, _ := strings.Cut(body, ".")
	t.Wrong = append(t.Wrong,
		head+"."+claims+".",           // not signed
		t.Good[:len(t.Good)-4]+"AAAA", // another signature
		"not-a-token",
		strings.Repeat("a", 4096),
	)
	return t, nil
}

// spectator is the user of all other tokens.
const spectator = "spectator"

func sign(alg jose.SignatureAlgorithm, key any, ttl time.Duration, user, event string) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		return "", err
	}
	events := []string{}
	if event != "" {
		events = append(events, event)
	}
	return jwt.Signed(signer).Claims(jwt.Claims{Subject: user, Expiry: jwt.NewNumericDate(time.Now().Add(ttl))}).
		Claims(map[string]any{"events": events}).Serialize()
}
