package access

import (
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

// User returns the name of the user, "link:" and an id for a share link, or "". It never
// changes.
func (id *Identity) User() string { return id.user }

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
