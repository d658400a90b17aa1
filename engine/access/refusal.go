package access

import (
	"errors"

	"github.com/go-jose/go-jose/v4/jwt"
)

// errRefused is the one answer for every credential that is not good, whatever is
// wrong with it: what is wrong helps the forger only.
var errRefused = errors.New("refused")

// refusal is errRefused with the reason, for the operator's log and metrics. It
// has nothing of the credential, and is never answered.
type refusal struct{ reason, detail string }

// Error says what errRefused says.
func (*refusal) Error() string { return errRefused.Error() }

// Is makes it errRefused.
func (*refusal) Is(target error) bool { return target == errRefused }

// Reasons, the label of processor_live_refused_authentications_total.
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

// refused makes an error of a reason, and of what else is to be known.
func refused(reason, detail string) error { return &refusal{reason, detail} }

// invalid says what is wrong with claims that can be read.
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

// countRefusal counts and logs why somebody was refused. doing is what they wanted.
func (g *Guard) countRefusal(doing string, err error) {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		r = &refusal{reason: reasonOther}
	}
	g.meters.reasons[r.reason].Inc()
	g.o.Logger.Debug("access refused", "wanted", doing, "reason", r.reason, "detail", r.detail)
}
