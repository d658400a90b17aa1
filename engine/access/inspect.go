package access

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// TokenInfo is what a token says of itself. Nobody has checked its signature.
type TokenInfo struct {
	ID      string
	User    string
	Event   string // of a share link
	Expires time.Time
}

// ReadToken reads a token, or the link that has one in its fragment, without a
// look at the signature: for those who revoke it, who lose nothing by one that is
// forged. isToken is false for what is neither, such as an id. The error says why
// a token cannot be revoked, and has nothing of it.
func ReadToken(text string) (info TokenInfo, isToken bool, err error) {
	_, fragment, link := strings.Cut(text, "#")
	if link {
		q, err := url.ParseQuery(fragment)
		if err != nil || q.Get("token") == "" {
			return info, false, errors.New("a link without a token")
		}
		text = q.Get("token")
	} else if strings.Count(text, ".") != 2 {
		return info, false, nil
	}
	t, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.HS256, jose.RS256, jose.ES256, jose.EdDSA})
	switch {
	case err != nil && (link || strings.HasPrefix(text, "eyJ")): // {" of a header
		return info, true, errors.New("the token cannot be read")
	case err != nil:
		return info, false, nil // an id may have dots
	}
	var cl claims
	if err := t.UnsafeClaimsWithoutVerification(&cl); err != nil {
		return info, true, errors.New("the claims of the token cannot be read")
	}
	id, named := readName(cl.ID)
	user, _ := readName(cl.Subject)
	switch {
	case !named || id == "":
		return info, true, errors.New("the token has no jti, by which it could be revoked")
	case cl.Expiry == nil:
		return info, true, errors.New("the token has no exp: it is not good in any case")
	}
	info = TokenInfo{ID: id, User: user, Expires: cl.Expiry.Time()}
	var shared linkClaims
	if isLink(text) && t.UnsafeClaimsWithoutVerification(&shared) == nil {
		info.Event = shared.Event
	}
	return info, true, nil
}
