package access

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Identity is the user of a connection, and what their credential allows. It is not
// changed after it was made.
type Identity struct {
	user           string // "" for users without a name
	token          string // the id of the token (jti), for revocations
	events         grants
	expires        time.Time  // with the leeway; zero: never
	platform       credential // sent to the platform at each recheck; only in ModeHTTP
	event          string     // of a share link: its event
	maxConnections int        // of a share link: at the same time; 0: no limit
	slot           *slot      // of a share link with a limit: the slot of this connection
}

// withSlot returns a copy of id with this slot, or id itself if s is nil. It does not
// change id, because several connections may share it.
func (id *Identity) withSlot(s *slot) *Identity {
	if s == nil {
		return id
	}
	own := *id
	own.slot = s
	return &own
}

// grants are the events that a token lists: event ids, and prefixes followed by *. A
// single * matches every event.
type grants []string

// has reports whether an entry is this event or a prefix of it.
func (g grants) has(event string) bool {
	return slices.ContainsFunc(g, func(entry string) bool {
		prefix, isPrefix := strings.CutSuffix(entry, "*")
		return entry == event || isPrefix && strings.HasPrefix(event, prefix)
	})
}

// Anonymous lets everybody watch every event, without a database. It is for test
// harnesses. Any goroutine may call its methods.
type Anonymous struct{}

// Authenticate accepts every request.
func (Anonymous) Authenticate(*http.Request) (who any, status int) { return nil, 0 }

// Decide allows everything.
func (Anonymous) Decide(any, string) (allowed bool, key string, err error) { return true, "", nil }

// Ask is never called, because Decide always decides.
func (Anonymous) Ask(context.Context, any, string, bool) (allowed bool, err error) { return true, nil }

// AllPublic is true.
func (Anonymous) AllPublic() bool { return true }
