package access

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"pitwall/engine/internal/current"
)

// linkKeyID is the kid of share links, which distinguishes them from tokens of the
// platform.
const linkKeyID = "pitwall-link"

// Link is a share link. Anyone who has its token may watch its event.
type Link struct {
	ID             string // for revocation; Sign sets it
	Event          string
	Expires        time.Time
	MaxConnections int // at the same time, on all instances; 0: no limit
}

type linkClaims struct {
	jwt.Claims
	Event          string `json:"event"`
	MaxConnections int    `json:"max,omitempty"`
}

// linkKey derives the key of share links from a secret. The platform may sign its tokens
// with the same secret: because the key is derived, a token of the platform is not valid
// as a link, and a link is not valid as a token of the platform.
func linkKey(secret []byte) ([]byte, error) {
	if len(secret) < minSecret {
		return nil, fmt.Errorf("the secret has %d bytes, allowed are %d or more", len(secret), minSecret)
	}
	return hkdf.Key(sha256.New, secret, nil, "pitwall share link 1", sha256.Size)
}

// Sign sets the id of the link and returns its token.
func (l *Link) Sign(secret []byte) (token string, err error) {
	k, err := linkKey(secret)
	if err != nil {
		return "", err
	}
	if l.Event == "" || len(l.Event) > maxID || l.MaxConnections < 0 || !l.Expires.After(time.Now()) || l.Expires.Unix() > maxExpiry {
		return "", errors.New("a link needs an event, a lifetime of less than two centuries, and no negative number of connections")
	}
	l.ID = rand.Text()
	o := (&jose.SignerOptions{}).WithHeader("kid", linkKeyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: k}, o)
	if err != nil {
		return "", fmt.Errorf("sign a link: %w", err)
	}
	return jwt.Signed(signer).Claims(linkClaims{
		Claims: jwt.Claims{ID: l.ID, IssuedAt: jwt.NewNumericDate(time.Now()), Expiry: jwt.NewNumericDate(l.Expires)},
		Event:  l.Event, MaxConnections: l.MaxConnections,
	}).Serialize()
}

// links verifies the tokens of share links.
type links struct {
	keys   current.Value[[][]byte] // of the present secret and, if there is one, of the one before
	leeway time.Duration
}

// setSecrets puts secrets in force. Empty ones are left out.
func (l *links) setSecrets(secrets ...[]byte) error {
	var keys [][]byte
	for _, s := range secrets {
		if len(s) == 0 {
			continue
		}
		k, err := linkKey(s)
		if err != nil {
			return err
		}
		keys = append(keys, k)
	}
	l.keys.Store(keys)
	return nil
}

// payload returns the payload of a link that was signed with any of the secrets,
// otherwise nil.
func (l *links) payload(t *jwt.JSONWebToken) (payload json.RawMessage) {
	for _, k := range l.keys.Load() {
		if payload = signedPayload(t, k); payload != nil {
			return payload
		}
	}
	return nil
}

// isLink reports whether a token has the header of a share link.
func isLink(token string) bool {
	t, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.HS256})
	return err == nil && len(t.Headers) == 1 && t.Headers[0].KeyID == linkKeyID
}

// authenticate returns the identity of a share link, without a slot.
func (l *links) authenticate(_ context.Context, c credential) (*Identity, error) {
	t, err := jwt.ParseSigned(c.token, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return nil, refused(reasonMalformed, "a share link")
	}
	payload := l.payload(t)
	if payload == nil {
		return nil, refused(reasonSignature, "a share link: was it made with another LINK_SECRET?")
	}
	cl, err := readClaims(payload)
	if err != nil {
		return nil, err
	}
	id, err := cl.identity(jwt.Expected{}, l.leeway, time.Now())
	if err != nil {
		return nil, err
	}
	var link linkClaims
	if json.Unmarshal(payload, &link) != nil || link.Event == "" || id.token == "" || link.MaxConnections < 0 {
		return nil, refused(reasonClaims, "a share link without an event or an id")
	}
	id.user, id.event, id.maxConnections = "link:"+id.token, link.Event, link.MaxConnections
	id.events = nil
	return id, nil
}
