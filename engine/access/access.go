// Package access decides who may connect and who may watch: a position passes
// it by, a spectator does not. The live server asks it before every upgrade
// and at every subscribe; it implements the interface that live owns.
//
// Anonymous is the one mode there is: everybody may watch every event. It is
// meant for a loopback listener, or for a network where that is what is
// wanted. Its methods are called from many goroutines; it has no state.
package access

import (
	"context"
	"net/http"
)

// Anonymous lets everybody in. The zero value serves direct clients only.
type Anonymous struct {
	// Proxied lets in requests that came through a proxy as well. Without it
	// they are refused: behind a proxy, a loopback listener is a public one,
	// and nobody has said that it may be.
	Proxied bool
}

// forwarding are the headers that a proxy leaves.
var forwarding = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}

// Authenticate returns 0, or 401 for a request through a proxy that is not
// expected.
func (a Anonymous) Authenticate(r *http.Request) (who any, status int) {
	if !a.Proxied {
		for _, h := range forwarding {
			if r.Header.Get(h) != "" {
				return nil, http.StatusUnauthorized
			}
		}
	}
	return nil, 0
}

// Authorize lets everybody watch everything.
func (Anonymous) Authorize(context.Context, any, string) (allowed bool, err error) { return true, nil }

// AllPublic is true.
func (Anonymous) AllPublic() bool { return true }
