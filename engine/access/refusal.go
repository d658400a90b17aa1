package access

import (
	"errors"

	"github.com/go-jose/go-jose/v4/jwt"
)

// errRefused is the answer to every invalid credential. It gives no reason, because a
// reason helps only those who forge credentials.
var errRefused = errors.New("refused")

// refusal is errRefused with a reason for the operator's log and metrics. It holds
// nothing of the credential, and no client sees it.
type refusal struct{ reason, detail string }

// Error returns the text of errRefused.
func (*refusal) Error() string { return errRefused.Error() }

// Is reports that it is errRefused.
func (*refusal) Is(target error) bool { return target == errRefused }

// Reasons, which are the label of processor_live_refused_authentications_total.
const (
	reasonNone       = "no_token"
	reasonUnreadable = "unreadable"
	reasonMalformed  = "malformed"
	reasonKey        = "unknown_key"
	reasonSignature  = "signature"
	reasonClaims     = "claims"
	reasonExpired    = "expired"
	reasonEarly      = "not_yet_valid"
	reasonIssuer     = "issuer"
	reasonAudience   = "audience"
	reasonRevoked    = "revoked"
	reasonUser       = "another_user"
	reasonPlatform   = "platform"
	reasonProxy      = "proxy"
	reasonOther      = "other"
)

var refusalReasons = []string{
	reasonNone, reasonUnreadable, reasonMalformed, reasonKey, reasonSignature, reasonClaims, reasonExpired, reasonEarly,
	reasonIssuer, reasonAudience, reasonRevoked, reasonUser, reasonPlatform, reasonProxy, reasonOther,
}

// refused returns a refusal with a reason and further details.
func refused(reason, detail string) error { return &refusal{reason, detail} }

// invalid returns the refusal for an error of go-jose about the claims.
func invalid(err error) error {
	for reason, is := range map[string][]error{
		reasonExpired:  {jwt.ErrExpired},
		reasonEarly:    {jwt.ErrNotValidYet, jwt.ErrIssuedInTheFuture},
		reasonIssuer:   {jwt.ErrInvalidIssuer},
		reasonAudience: {jwt.ErrInvalidAudience},
	} {
		for _, e := range is {
			if errors.Is(err, e) {
				return refused(reason, e.Error())
			}
		}
	}
	return refused(reasonOther, err.Error())
}
