package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
	strict "github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"

	"pitwall/engine/internal/current"
)

// JWTOptions say which tokens are valid. ModeJWT needs at least one of Secret, Keys and
// KeySetURL.
type JWTOptions struct {
	Secret    []byte        // for HS256, 32 bytes or more
	Keys      []byte        // the content of a file of public keys, PEM or JWKS
	KeySetURL string        // of a JWKS, over https or on loopback
	Refresh   time.Duration // interval at which the JWKS is fetched
	Issuer    string        // required value of iss; "": any
	Audience  string        // required value of aud; "": any
	Leeway    time.Duration // tolerated difference between clocks, for exp, nbf and iat
}

// verifier checks JSON Web Tokens (RFC 7519).
type verifier struct {
	leeway time.Duration
	static current.Value[staticKeys]
	set    *keySet // from KeySetURL; nil for none
	expect jwt.Expected
}

// staticKeys are the keys from Secret and Keys, and the algorithms of all keys.
type staticKeys struct {
	keys []key
	algs []jose.SignatureAlgorithm
}

func newVerifier(o JWTOptions, set *keySet) (*verifier, error) {
	v := &verifier{leeway: o.Leeway, set: set, expect: jwt.Expected{Issuer: o.Issuer}}
	if o.Audience != "" {
		v.expect.AnyAudience = jwt.Audience{o.Audience}
	}
	return v, v.setKeys(o.Secret, o.Keys)
}

// setKeys puts a secret and a file of public keys in force. Both may be empty. After an
// error the previous ones stay.
func (v *verifier) setKeys(secret, file []byte) error {
	var s staticKeys
	if len(secret) > 0 {
		if len(secret) < minSecret {
			return fmt.Errorf("JWT_SECRET has %d bytes, allowed are %d or more", len(secret), minSecret)
		}
		s.keys = append(s.keys, key{alg: jose.HS256, pub: secret})
	}
	if len(file) > 0 {
		keys, err := ParseKeys(file)
		if err != nil {
			return fmt.Errorf("JWT_PUBLIC_KEY_FILE holds %w", err)
		}
		s.keys = append(s.keys, keys...)
	}
	if len(s.keys) == 0 && v.set == nil {
		return errors.New("AUTH_MODE is jwt, which needs JWT_SECRET, JWT_PUBLIC_KEY_FILE or JWKS_URL")
	}
	for _, k := range s.keys {
		s.algs = append(s.algs, k.alg)
	}
	if v.set != nil {
		s.algs = append(s.algs, jose.RS256, jose.ES256, jose.EdDSA)
	}
	slices.Sort(s.algs)
	s.algs = slices.Compact(s.algs)
	v.static.Store(s)
	return nil
}

// claims are the claims of a token. sub, jti and events may hold numbers.
type claims struct {
	jwt.Claims
	Subject json.RawMessage `json:"sub"`
	ID      json.RawMessage `json:"jti"`
	Events  json.RawMessage `json:"events"`
}

// authenticate returns the user of a token, or errRefused.
func (v *verifier) authenticate(ctx context.Context, _ *client, c credential) (*Identity, error) {
	if c.token == "" {
		return nil, refused(reasonNone, "")
	}
	payload, err := v.verify(ctx, c.token)
	if err != nil {
		return nil, err
	}
	cl, err := readClaims(payload)
	if err != nil {
		return nil, err
	}
	return cl.identity(v.expect, v.leeway, time.Now())
}

// verify returns the payload of a token if its signature is valid.
func (v *verifier) verify(ctx context.Context, token string) (payload json.RawMessage, err error) {
	static := v.static.Load()
	t, err := jwt.ParseSigned(token, static.algs)
	if err != nil || len(t.Headers) != 1 {
		return nil, refused(reasonMalformed, "not a JWT, or signed with an algorithm for which there is no key")
	}
	payload, known := verifyWithAny(t, static.keys)
	if payload == nil && v.set != nil && !(known && t.Headers[0].KeyID == "") {
		payload, known = verifyWithAny(t, v.set.current())
		if payload == nil && !known {
			payload, known = verifyWithAny(t, v.set.refetch(ctx))
		}
	}
	switch {
	case payload != nil:
		return payload, nil
	case !known:
		return nil, refused(reasonKey, "no key has the kid and the algorithm of the token")
	}
	return nil, refused(reasonSignature, "")
}

// verifyWithAny verifies a token with the keys that match its header: keys for its
// algorithm, and with its key id if both have one. known is false if no key matches.
// payload is nil unless the signature is valid.
func verifyWithAny(t *jwt.JSONWebToken, keys []key) (payload json.RawMessage, known bool) {
	h := t.Headers[0]
	for _, k := range keys {
		if string(k.alg) != h.Algorithm || k.id != "" && h.KeyID != "" && k.id != h.KeyID {
			continue
		}
		known = true
		if payload = signedPayload(t, k.pub); payload != nil {
			return payload, true
		}
	}
	return nil, known
}

// signedPayload returns the payload of a token, or nil if key did not sign it.
func signedPayload(t *jwt.JSONWebToken, key any) (payload json.RawMessage) {
	limitVerification(func() {
		if t.Claims(key, &payload) != nil {
			payload = nil
		}
	})
	return payload
}

// readClaims parses a payload. Names are compared byte for byte.
func readClaims(payload json.RawMessage) (*claims, error) {
	var c claims
	if err := strict.Unmarshal(payload, &c); err != nil {
		return nil, refused(reasonClaims, err.Error())
	}
	return &c, nil
}

// identity checks the claims and returns the user.
func (c *claims) identity(expect jwt.Expected, leeway time.Duration, now time.Time) (*Identity, error) {
	if c.Expiry == nil || *c.Expiry <= 0 || int64(*c.Expiry) > maxExpiry {
		return nil, refused(reasonClaims, "exp is missing or not a time")
	}
	if err := c.ValidateWithLeeway(expect.WithTime(now), leeway); err != nil {
		return nil, invalid(err)
	}
	expires := c.Expiry.Time().Add(leeway)
	if !expires.After(now) {
		return nil, refused(reasonExpired, "")
	}
	user, userOK := readOptionalID(c.Subject)
	token, tokenOK := readOptionalID(c.ID)
	if !userOK || !tokenOK {
		return nil, refused(reasonClaims, "sub or jti is neither text nor a whole number, or too long")
	}
	events, err := readGrants(c.Events)
	if err != nil {
		return nil, refused(reasonClaims, err.Error())
	}
	return &Identity{user: user, token: token, events: events, expires: expires}, nil
}

// readOptionalID reads an id; it returns "" if it is missing.
func readOptionalID(raw json.RawMessage) (string, bool) {
	if s := string(raw); s == "" || s == "null" || s == `""` {
		return "", true
	}
	return readID(raw)
}

// maxExpiry is the latest expiry of a token, in seconds since the epoch. It refuses,
// for example, an exp in milliseconds.
const maxExpiry = math.MaxInt32 * 4

// maxID is the longest id of a user, a token or an event, in bytes.
const maxID = 256

// readGrants reads the claim events: a list of event ids, which are strings or whole
// numbers. A missing claim and null are an empty list.
func readGrants(raw json.RawMessage) (grants, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, errors.New("events is not a list")
	}
	g := make(grants, len(list))
	for i, e := range list {
		id, ok := readID(e)
		if !ok {
			return nil, errors.New("events holds an element that is not an id")
		}
		g[i] = id
	}
	return g, nil
}

// readID reads an id: a string that is not empty, or a whole number. ok is false for
// anything else.
func readID(raw json.RawMessage) (id string, ok bool) {
	var s string
	if json.Unmarshal(raw, &s) == nil && s != "" {
		return s, len(s) <= maxID
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return strconv.FormatInt(n, 10), err == nil
}
