package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Ways to decide who may watch an event (AUTHZ_MODE). One yes is enough.
const (
	ByPublic = "public" // marked public in the database
	ByClaims = "claims" // named in the token, or by the platform with the id
	BySQL    = "sql"    // a query on the database
	ByHTTP   = "http"   // the platform is asked
)

// byCost is the order in which ways are tried: what costs nothing first.
var byCost = []string{ByPublic, ByClaims, BySQL, ByHTTP}

// Decide reports whether who may watch an event, without waiting. If that cannot be
// decided here, key is not "" and the caller must use Ask; its answer is the same for
// all callers with that key. An error means that nothing allowed it and a source
// could not be read.
func (g *Guard) Decide(who any, event string) (allowed bool, key string, err error) {
	id, ok := who.(*Identity)
	if !ok || g.valid(id, time.Now()) != nil {
		return false, "", nil
	}
	if g.AllPublic() || id.event != "" && id.event == event {
		return !g.lists.isDelayed(event), "", nil
	}
	for _, by := range g.o.Decide {
		switch by {
		case ByPublic:
			if err = g.checkFresh(); err == nil && g.lists.isPublic(event) {
				return true, "", nil
			}
		case ByClaims:
			if id.events.has(event) {
				return true, "", nil
			}
		default:
			if isQueryable(id, event) {
				key = strconv.Itoa(len(id.user)) + " " + id.user + event
			}
		}
	}
	if key != "" {
		return false, key, nil
	}
	return false, "", err
}

// Ask queries the database or the platform, for at most Options.Timeout each. The
// answer is the same for all sessions of a user. again marks the recheck of somebody
// who already watches: it has its own connections, so that new subscribes cannot
// delay it.
func (g *Guard) Ask(_ context.Context, who any, event string, again bool) (allowed bool, err error) {
	id, ok := who.(*Identity)
	if !ok || !isQueryable(id, event) {
		return false, nil
	}
	asking := g.clients.subscribe
	if again {
		asking = g.clients.recheck
	}
	for _, by := range g.o.Decide {
		switch by {
		case ByPublic: // Decide found no yes; if the list was stale, that is not a no
			err = errors.Join(err, g.checkFresh())
		case BySQL, ByHTTP:
			yes, failed := g.ask(by, asking, id.user, event)
			if yes {
				return true, nil
			}
			err = errors.Join(err, failed)
		}
	}
	return false, err
}

// isQueryable reports whether a database or a platform can know the user and the
// event. Share links are unknown there, and PostgreSQL's text type holds neither NUL
// nor invalid UTF-8.
func isQueryable(id *Identity, event string) bool {
	for _, s := range []string{id.user, event} {
		if s == "" || strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
			return false
		}
	}
	return id.event == ""
}

// checkFresh is an error when the public events have not been read for too long.
func (g *Guard) checkFresh() error { return g.lists.checkFresh(time.Now(), g.o.Grace) }

// AllPublic reports whether everybody may watch everything that is not delayed.
func (g *Guard) AllPublic() bool { return len(g.o.Decide) == 0 }

// MayList reports whether an event may be shown to everybody. Options.Changed is
// called when the result may have changed.
func (g *Guard) MayList(event string) bool {
	if g.AllPublic() {
		return !g.lists.isDelayed(event)
	}
	return slices.Contains(g.o.Decide, ByPublic) && g.checkFresh() == nil && g.lists.isPublic(event)
}

func (g *Guard) ask(by string, asking *client, user, event string) (bool, error) {
	return g.decisions.get(g.decisions.key(by, user, event), asking.pool, func(ctx context.Context) (yes bool, keep time.Duration, err error) {
		if by == BySQL {
			var done func()
			if done, err = asking.acquire(ctx); err == nil {
				yes, err = g.o.Store.MayWatch(ctx, g.o.SQL, user, event)
				done()
			}
		} else {
			yes, err = g.authz.allowed(ctx, asking, user, event)
		}
		if err != nil {
			return false, 0, fmt.Errorf("authorise by %s: %w", by, err)
		}
		if !yes {
			return false, min(g.o.Cache, denialTTL), nil
		}
		return true, g.o.Cache, nil
	})
}
