package attack

import (
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

// Tokens are signed by the harness, in the place of a platform.
type Tokens struct {
	PublicKey []byte   // PEM, for JWT_PUBLIC_KEY_FILE
	Good      string   // may watch every event, for a day
	Asked     string   // of the user Stranger, names no event: the platform is asked
	Leaving   []string // the same of some users whose names begin with Leaver
	Wrong     []string // may not be taken, each for a reason of its own
}

// Users whom the platform is asked about.
const (
	Stranger = "stranger"
	Leaver   = "leaver-"
)

// leavers is how many users with such names there are. The engine asks about each
// at another moment, and the slowest counts.
const leavers = 10

// NewTokens makes a key and signs with it (ES256).
func NewTokens() (*Tokens, error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key for tokens: %w", err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key for tokens: %w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(own.Public())
	if err != nil {
		return nil, fmt.Errorf("write a key for tokens: %w", err)
	}
	t := &Tokens{PublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
	if t.Good, err = sign(jose.ES256, own, 24*time.Hour, spectator, "*"); err != nil {
		return nil, err
	}
	if t.Asked, err = sign(jose.ES256, own, 24*time.Hour, Stranger); err != nil {
		return nil, err
	}
	for i := range leavers {
		token, err := sign(jose.ES256, own, 24*time.Hour, fmt.Sprint(Leaver, i))
		if err != nil {
			return nil, err
		}
		t.Leaving = append(t.Leaving, token)
	}
	expired, err := sign(jose.ES256, own, -time.Hour, spectator, "*")
	if err != nil {
		return nil, err
	}
	foreign, err := sign(jose.ES256, other, time.Hour, spectator, "*")
	if err != nil {
		return nil, err
	}
	confused, err := sign(jose.HS256, t.PublicKey, time.Hour, spectator, "*")
	if err != nil {
		return nil, err
	}
	_, body, _ := strings.Cut(t.Good, ".")
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	claims, _, _ := strings.Cut(body, ".")
	t.Wrong = []string{
		expired, foreign, confused,
		head + "." + claims + ".",       // not signed at all
		t.Good[:len(t.Good)-4] + "AAAA", // another signature
		"not-a-token",
		strings.Repeat("a", 4096),
	}
	return t, nil
}

// spectator is the user of all other tokens.
const spectator = "spectator"

func sign(alg jose.SignatureAlgorithm, key any, ttl time.Duration, user string, events ...string) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	text, err := jwt.Signed(signer).Claims(jwt.Claims{Subject: user, Expiry: jwt.NewNumericDate(time.Now().Add(ttl))}).
		Claims(map[string]any{"events": append([]string{}, events...)}).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return text, nil
}
