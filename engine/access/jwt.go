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
)

// JWTOptions say which tokens are good. At least one of Secret, Keys and
// KeySetURL is needed.
type JWTOptions struct {
	Secret    []byte        // for HS256, 32 bytes or more
	Keys      []byte        // a file of public keys: PEM or JWKS
	KeySetURL string        // a JWKS, over https or on loopback
	Refresh   time.Duration // of the JWKS
	Issuer    string        // wanted in iss; "": any
	Audience  string        // wanted in aud; "": any
	Leeway    time.Duration // for exp, nbf and iat
}

// verifier checks JSON Web Tokens (RFC 7519).
type verifier struct {
	o      JWTOptions
	fixed  []key
	set    *keySet // nil for none
	algs   []jose.SignatureAlgorithm
	expect jwt.Expected
}

func newVerifier(o JWTOptions, set *keySet) (*verifier, error) {
	v := &verifier{o: o, set: set, expect: jwt.Expected{Issuer: o.Issuer}}
	if o.Audience != "" {
		v.expect.AnyAudience = jwt.Audience{o.Audience}
	}
	if len(o.Secret) > 0 {
		if len(o.Secret) < minSecret {
			return nil, fmt.Errorf("JWT_SECRET has %d bytes, allowed are %d or more", len(o.Secret), minSecret)
		}
		v.fixed = append(v.fixed, key{alg: jose.HS256, pub: o.Secret})
	}
	if len(o.Keys) > 0 {
		keys, err := ParseKeys(o.Keys)
		if err != nil {
			return nil, fmt.Errorf("JWT_PUBLIC_KEY_FILE holds %w", err)
		}
		v.fixed = append(v.fixed, keys...)
	}
	if len(v.fixed) == 0 && set == nil {
		return nil, errors.New("AUTH_MODE is jwt, which needs JWT_SECRET, JWT_PUBLIC_KEY_FILE or JWKS_URL")
	}
	for _, k := range v.fixed {
		if !slices.Contains(v.algs, k.alg) {
			v.algs = append(v.algs, k.alg)
		}
	}
	if set != nil {
		for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA} {
			if !slices.Contains(v.algs, alg) {
				v.algs = append(v.algs, alg)
			}
		}
	}
	return v, nil
}

// claims are those that are read of a token. Ids may be numbers, as in events.
type claims struct {
	jwt.Claims
	Subject json.RawMessage `json:"sub"`
	ID      json.RawMessage `json:"jti"`
	Events  json.RawMessage `json:"events"`
}

// authenticate returns who a token is for, or errRefused.
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
	return cl.identity(v.expect, v.o.Leeway, time.Now())
}

// verify returns the payload of a token whose signature is good.
func (v *verifier) verify(ctx context.Context, token string) (payload json.RawMessage, err error) {
	t, err := jwt.ParseSigned(token, v.algs)
	if err != nil || len(t.Headers) != 1 {
		return nil, refused(reasonMalformed, "no JWT, or signed by an algorithm that no key is for")
	}
	payload, known := verifyWithAny(t, v.fixed)
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
		return nil, refused(reasonKey, "no key has the token's kid, or is for its algorithm")
	}
	return nil, refused(reasonSignature, "")
}

// verifyWithAny verifies a token with the keys that fit its header: of its algorithm,
// and of its key id if both have one. known is false when none fits; payload is
// nil unless the signature is good.
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

// signedPayload returns the payload of a token that key has signed, or nil.
func signedPayload(t *jwt.JSONWebToken, key any) (payload json.RawMessage) {
	limitVerification(func() {
		if t.Claims(key, &payload) != nil {
			payload = nil
		}
	})
	return payload
}

// readClaims reads a payload. Names are compared byte for byte.
func readClaims(payload json.RawMessage) (*claims, error) {
	var c claims
	if err := strict.Unmarshal(payload, &c); err != nil {
		return nil, refused(reasonClaims, err.Error())
	}
	return &c, nil
}

// identity checks the claims and says who they are about.
func (c *claims) identity(expect jwt.Expected, leeway time.Duration, now time.Time) (*Identity, error) {
	if c.Expiry == nil || *c.Expiry <= 0 || int64(*c.Expiry) > lastExpiry {
		return nil, refused(reasonClaims, "exp is missing, or no time")
	}
	if err := c.ValidateWithLeeway(expect.WithTime(now), leeway); err != nil {
		return nil, invalid(err)
	}
	expires := c.Expiry.Time().Add(leeway)
	if !expires.After(now) {
		return nil, refused(reasonExpired, "")
	}
	user, ok := readName(c.Subject)
	if !ok {
		return nil, refused(reasonClaims, "sub is neither text nor a whole number, or too long")
	}
	token, ok := readName(c.ID)
	if !ok {
		return nil, refused(reasonClaims, "jti is neither text nor a whole number, or too long")
	}
	events, err := readGrants(c.Events)
	if err != nil {
		return nil, refused(reasonClaims, err.Error())
	}
	return &Identity{user: user, token: token, events: events, expires: expires}, nil
}

// readName reads an id that may be missing: "" then.
func readName(raw json.RawMessage) (string, bool) {
	if s := string(raw); s == "" || s == "null" || s == `""` {
		return "", true
	}
	return readID(raw)
}

// lastExpiry is the latest end that a token may have, in seconds since the epoch:
// what is later is no time.
const lastExpiry = math.MaxInt32 * 4

// maxName is the longest id of a user or a token, in bytes.
const maxName = 256

// readGrants reads the claim events: a list of event ids, as strings or whole
// numbers; absent and null are none.
func readGrants(raw json.RawMessage) (grants, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, errors.New("events is no list")
	}
	g := make(grants, len(list))
	for i, e := range list {
		id, ok := readID(e)
		if !ok {
			return nil, errors.New("events holds something that is no id")
		}
		g[i] = id
	}
	return g, nil
}

// readID reads an id: a string that is not empty, or a whole number.
func readID(raw json.RawMessage) (string, bool) {
	var s string
	if json.Unmarshal(raw, &s) == nil && s != "" {
		return s, len(s) <= maxName
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return strconv.FormatInt(n, 10), err == nil
}
