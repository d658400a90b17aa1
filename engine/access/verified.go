package access

import (
	"context"
	"net/http"
	"runtime"
	"time"
)

// verifiedTTL is how long a valid signature is trusted before it is verified again.
// Expiry and revocation are checked on every use.
const verifiedTTL = time.Hour

// verifySlots is a semaphore. At most half of the processors verify signatures, so
// that a flood of tokens leaves the other half to the fan-out.
var verifySlots = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))

// limitVerification runs verify when a slot is free. verify must not block.
func limitVerification(verify func()) {
	verifySlots <- struct{}{}
	defer func() { <-verifySlots }()
	verify()
}

// verifyCached returns the result of verify, or a recent one for the same token. Only
// valid tokens are cached, so that forged ones use no memory.
func (g *Guard) verifyCached(token string, verify func(context.Context) (*Identity, error)) (*Identity, error) {
	return g.verified.get(g.verified.key(token), "", func(ctx context.Context) (*Identity, time.Duration, error) {
		id, err := verify(ctx)
		if err != nil {
			return nil, 0, err
		}
		return id, min(time.Until(id.expires), verifiedTTL), nil
	})
}

// Recognize reports whether the credential of a request was accepted recently. It
// costs little and does not check revocation. Any goroutine may call it.
func (g *Guard) Recognize(r *http.Request) bool {
	if !g.Tokens() {
		return true
	}
	c, ok := credentialOf(r, g.o.TokenCookie, g.o.Cookies)
	if !ok {
		return false
	}
	if c.token != "" {
		if _, _, found := g.verified.lookup(g.verified.key(c.token), time.Now()); found {
			return true
		}
	}
	if a, ok := g.auth.(*platformAuth); ok {
		id, _, found := g.identities.lookup(a.key(c.forPlatform()), time.Now())
		return found && id != nil
	}
	return g.auth == nil && !isLink(c.token) // everybody is accepted
}
