package access

import (
	"context"
	"net/http"
	"time"
)

// Identity is who a connection belongs to. It does not change once it is made.
type Identity struct {
	user           string // "" for those who may watch what is public
	token          string // the id of the token (jti), for revocations
	events         grants
	expires        time.Time  // leeway included; zero: never
	platform       credential // sent to the platform at each recheck; mode http only
	event          string     // a share link: the one event it is for
	maxConnections int        // a share link: connections at the same time; 0: any number
	slot           *slot      // a share link: the connection's own; nil where the number has no bound
}

// grants are the events that a token names: ids, * for all, and prefixes that
// end in a star.
type grants []string

// has reports whether an event is named.
func (g grants) has(event string) bool {
	for _, e := range g {
		if n := len(e) - 1; e == event || n >= 0 && e[n] == '*' && len(event) >= n && event[:n] == e[:n] {
			return true
		}
	}
	return false
}

// Anonymous lets everybody in, to watch every event, without a
// database: for test harnesses. Its methods may be called from any
// goroutine.
type Anonymous struct{}

// Authenticate returns 0.
func (Anonymous) Authenticate(*http.Request) (who any, status int) { return nil, 0 }

// Decide lets everybody watch everything.
func (Anonymous) Decide(any, string) (allowed bool, key string, err error) { return true, "", nil }

// Ask is never needed, because Decide always decides.
func (Anonymous) Ask(context.Context, any, string, bool) (allowed bool, err error) { return true, nil }

// AllPublic is true.
func (Anonymous) AllPublic() bool { return true }
