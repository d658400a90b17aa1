package access

import (
	"context"
	"net/http"
	"runtime"
	"time"
)

// verifiedTTL bounds how long a token that was good is not verified again.
// Whether it has expired or was revoked is looked at each time all the same.
const verifiedTTL = time.Hour

// processors bounds how many signatures are verified at the same time: half of
// the processors, so that a flood of tokens leaves the other half to those who
// watch.
var processors = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))

// verifyAlone runs a verification. It waits until a processor may be taken, a
// fraction of a millisecond for each that waits. verify must not wait itself.
func verifyAlone(verify func()) {
	processors <- struct{}{}
	defer func() { <-processors }()
	verify()
}

// verifiedOnce is what verify says of a token, or has said of the same token
// lately. Only good ones are kept, so that made-up tokens take no memory.
func (g *Guard) verifiedOnce(token string, verify func(context.Context) (*Identity, error)) (*Identity, error) {
	return g.verified.get(g.verified.key(token), "", func(ctx context.Context) (*Identity, time.Duration, error) {
		id, err := verify(ctx)
		if err != nil {
			return nil, 0, err
		}
		return id, min(time.Until(id.expires), verifiedTTL), nil
	})
}

// Recognize reports whether a request shows a credential that was good lately:
// it costs a hash, and says nothing of whether it has been revoked. Any goroutine
// may call it.
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
		id, _, found := g.identities.lookup(a.key(c.asked()), time.Now())
		return found && id != nil
	}
	return g.auth == nil && !isLink(c.token) // everybody is let in
}
