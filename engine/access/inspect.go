package access

import (
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// TokenInfo holds claims of a token whose signature was not verified.
type TokenInfo struct {
	ID      string
	User    string
	Event   string // of a share link
	Expires time.Time
}

// ReadToken reads a token, or a link with a token in its fragment. It does not verify
// the signature, because it is for revocations, and revoking a forged token does no
// harm. isToken is false for any other text, such as an id. The error says why a token
// cannot be revoked. It contains no part of the token.
func ReadToken(text string) (info TokenInfo, isToken bool, err error) {
	inLink := strings.Contains(text, "#")
	if text = tokenIn(text); inLink && text == "" {
		return info, false, errors.New("the link has no token")
	}
	looksLikeToken := strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") == 2 // a JSON header in base64
	t, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.HS256, jose.RS256, jose.ES256, jose.EdDSA})
	if err != nil && (inLink || looksLikeToken) {
		return info, true, errors.New("the token cannot be read")
	}
	if err != nil {
		return info, false, nil
	}
	var cl claims
	if err := t.UnsafeClaimsWithoutVerification(&cl); err != nil {
		return info, true, errors.New("the claims of the token cannot be read")
	}
	id, named := readOptionalID(cl.ID)
	user, _ := readOptionalID(cl.Subject)
	switch {
	case !named || id == "":
		return info, true, errors.New("the token has no jti, which is needed to revoke it")
	case cl.Expiry == nil:
		return info, true, errors.New("the token has no exp, so it is invalid anyway")
	}
	info = TokenInfo{ID: id, User: user, Expires: cl.Expiry.Time()}
	var shared linkClaims
	if isLink(text) && t.UnsafeClaimsWithoutVerification(&shared) == nil {
		info.Event = shared.Event
	}
	return info, true, nil
}
