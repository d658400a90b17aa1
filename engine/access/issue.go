package access

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// UserToken is a token for AUTH_MODE=jwt.
type UserToken struct {
	ID      string   // for revocation; Issue sets it
	User    string   // sub
	Events  []string // event ids, prefix-*, or *; may be empty
	Expires time.Time
	KeyID   string // kid of the key in a key set; "": none
}

// Issue sets the id of the token, signs it with a private key in PEM, or with the secret
// of the options if that is empty, and returns it. The issuer and the audience are those
// that the options require. A token that a Guard with these options would refuse is an
// error. If the options name a key set, it is fetched.
func (u *UserToken) Issue(ctx context.Context, o Options, private []byte) (token string, err error) {
	k := jose.SigningKey{Algorithm: jose.HS256, Key: o.JWT.Secret}
	switch {
	case len(private) > 0:
		if k, err = parsePrivate(private); err != nil {
			return "", err
		}
	case len(o.JWT.Secret) == 0:
		return "", errors.New("no key to sign with: set JWT_SECRET as for serve, or give the private key of JWT_PUBLIC_KEY_FILE or JWKS_URL with --key-file")
	}
	o.Mode = ModeJWT
	g, err := New(o)
	if err != nil {
		return "", err
	}
	defer g.Close()
	if token, err = u.sign(o.JWT, k); err != nil {
		return "", err
	}
	if g.set != nil {
		if err := g.set.fetch(ctx); err != nil {
			return "", err
		}
	}
	if _, err = g.resolve(ctx, g.clients.connect, credential{token: token}); err != nil {
		if r, ok := errors.AsType[*refusal](err); ok {
			return "", fmt.Errorf("serve would refuse the token: %s: %s", r.reason, r.detail)
		}
		return "", err
	}
	return token, nil
}

// sign sets the id and returns the signed token.
func (u *UserToken) sign(o JWTOptions, k jose.SigningKey) (string, error) {
	if u.User == "" || len(u.User) > maxID {
		return "", fmt.Errorf("the subject has %d bytes, allowed are 1 to %d", len(u.User), maxID)
	}
	for _, e := range u.Events {
		if e == "" || len(e) > maxID {
			return "", fmt.Errorf("an event has %d bytes, allowed are 1 to %d", len(e), maxID)
		}
	}
	header := (&jose.SignerOptions{}).WithType("JWT")
	if u.KeyID != "" {
		header.WithHeader("kid", u.KeyID)
	}
	signer, err := jose.NewSigner(k, header)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	u.ID = rand.Text()
	c := jwt.Claims{Issuer: o.Issuer, Subject: u.User, ID: u.ID, IssuedAt: jwt.NewNumericDate(time.Now()), Expiry: jwt.NewNumericDate(u.Expires)}
	if o.Audience != "" {
		c.Audience = jwt.Audience{o.Audience}
	}
	return jwt.Signed(signer).Claims(c).Claims(struct {
		Events []string `json:"events,omitempty"`
	}{u.Events}).Serialize()
}

// parsePrivate reads the private key of a PEM file, and chooses its algorithm. No error
// contains a part of the file.
func parsePrivate(file []byte) (jose.SigningKey, error) {
	none := jose.SigningKey{}
	block, _ := pem.Decode(file)
	if block == nil {
		return none, errors.New("the file of the private key is not PEM")
	}
	var private any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return none, fmt.Errorf("the file of the private key has a PEM block %q, allowed are PRIVATE KEY, EC PRIVATE KEY and RSA PRIVATE KEY", block.Type)
	}
	if err != nil {
		return none, errors.New("the private key cannot be read")
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return none, fmt.Errorf("the private key is of the type %T, allowed are RSA, P-256 and Ed25519", private)
	}
	alg, err := algorithmOf(signer.Public())
	if err != nil {
		return none, fmt.Errorf("the file of the private key holds %w", err)
	}
	return jose.SigningKey{Algorithm: alg, Key: private}, nil
}
