package access

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Kinds of what Explain was given.
const (
	KindUser  = "user token"
	KindLink  = "share link"
	KindOther = "no JSON Web Token"
)

// Explanation says what a token is, and whether a new connection with it is accepted.
// Texts of the token are as the token has them; unless Verified is set, anybody may
// have written them.
type Explanation struct {
	Kind      string
	Algorithm string
	KeyID     string

	User, ID       string // sub and jti; "" for none
	Issuer         string
	Audience       []string
	Events         []string // the claim events
	Event          string   // of a share link
	MaxConnections int      // of a share link; 0: no limit

	Issued, NotBefore, Expires time.Time // zero for none

	Verified bool   // a key of this process has signed it
	Accepted bool   // a connection with it is accepted now
	Ignored  bool   // it is not looked at: connections are accepted without credentials
	Reason   string // of a refusal: a label of processor_live_refused_authentications_total
	Detail   string // more about the refusal; may be ""

	who *Identity
}

// Explain explains a token, or a link with a token in its fragment, by the decision that
// Authenticate makes. It does not count the connections of a share link. An error means
// that the platform does not answer, so that connections get 503. Any goroutine may call
// it after Open.
func (g *Guard) Explain(ctx context.Context, text string) (Explanation, error) {
	token := tokenIn(text)
	x := describeToken(token)
	if !g.Tokens() {
		x.Accepted, x.Ignored, x.who = true, true, &Identity{}
		return x, nil
	}
	c := credential{token: token}
	id, err := g.resolve(ctx, g.clients.connect, c)
	r, isRefusal := errors.AsType[*refusal](err)
	switch {
	case err == nil:
		x.Accepted, x.who = true, id
		x.Ignored = g.auth == nil && !g.isLink(c)
	case isRefusal:
		x.Reason, x.Detail = r.reason, r.detail
	default:
		return x, err
	}
	x.Verified = !x.Ignored && (g.isLink(c) || g.o.Mode == ModeJWT) && !slices.Contains(unverified, x.Reason)
	return x, nil
}

// unverified are the reasons of refusals that leave the signature in doubt.
var unverified = []string{reasonNone, reasonUnreadable, reasonMalformed, reasonKey, reasonSignature}

// MayWatch reports whether a new subscribe of a connection with an explained token is
// allowed. An error means that it cannot be decided now.
func (g *Guard) MayWatch(ctx context.Context, x Explanation, event string) (bool, error) {
	if x.who == nil {
		return false, nil
	}
	allowed, key, err := g.Decide(x.who, event)
	if !allowed && key != "" {
		return g.Ask(ctx, x.who, event, false)
	}
	return allowed, err
}

// tokenIn returns the token of a link, or the text itself. A link without a token gives "".
func tokenIn(text string) string {
	if _, fragment, inLink := strings.Cut(text, "#"); inLink {
		q, _ := url.ParseQuery(fragment)
		return q.Get("token")
	}
	return text
}

// anyAlgorithm are the algorithms of tokens that can be described. Most of them are never
// accepted.
var anyAlgorithm = []jose.SignatureAlgorithm{
	jose.HS256, jose.HS384, jose.HS512, jose.RS256, jose.RS384, jose.RS512,
	jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512, jose.EdDSA,
}

// describeToken returns what a token says of itself. It verifies nothing.
func describeToken(token string) Explanation {
	t, err := jwt.ParseSigned(token, anyAlgorithm)
	if err != nil || len(t.Headers) != 1 {
		return Explanation{Kind: KindOther}
	}
	x := Explanation{Kind: KindUser, Algorithm: t.Headers[0].Algorithm, KeyID: t.Headers[0].KeyID}
	var cl claims
	if t.UnsafeClaimsWithoutVerification(&cl) == nil {
		x.User, _ = readOptionalID(cl.Subject)
		x.ID, _ = readOptionalID(cl.ID)
		x.Events, _ = readGrants(cl.Events)
		x.Issuer, x.Audience = cl.Issuer, cl.Audience
		x.Issued, x.NotBefore, x.Expires = cl.IssuedAt.Time(), cl.NotBefore.Time(), cl.Expiry.Time()
	}
	if isLink(token) {
		var link linkClaims
		x.Kind = KindLink
		if t.UnsafeClaimsWithoutVerification(&link) == nil {
			x.Event, x.MaxConnections = link.Event, link.MaxConnections
		}
	}
	return x
}
