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

// Values of Options.Decide (AUTHZ_MODE): the rules for who may watch an event. It is
// enough if one rule allows it.
const (
	ByPublic = "public" // the event is marked public in the database
	ByClaims = "claims" // the token, or the answer of AUTH_URL, lists the event
	BySQL    = "sql"    // a query on the database
	ByHTTP   = "http"   // a request to the platform
)

// byCost is the order in which the rules are tried: the cheapest first.
var byCost = []string{ByPublic, ByClaims, BySQL, ByHTTP}

// Decide reports whether a client may watch an event. It does not block. If key is not
// "", the database or the platform must be asked: the caller must use Ask, whose answer
// is the same for all callers with that key. An error means that no rule allowed the
// event, and that the list of public events is older than Options.Grace.
func (g *Guard) Decide(who any, event string) (allowed bool, key string, err error) {
	id, ok := who.(*Identity)
	if !ok || g.valid(id, time.Now()) != nil {
		return false, "", nil
	}
	lists := g.lists.current()
	if g.AllPublic() || id.event != "" && id.event == event {
		return !lists.delayed[event], "", nil
	}
	for _, by := range g.o.Decide {
		switch by {
		case ByPublic:
			if err = lists.checkFresh(time.Now(), g.o.Grace); err == nil && lists.isPublic(event) {
				return true, "", nil
			}
		case ByClaims:
			if id.events.has(event) {
				return true, "", nil
			}
		default:
			if isQueryable(id, event) {
				return false, strconv.Itoa(len(id.user)) + " " + id.user + event, nil
			}
		}
	}
	return false, "", err
}

// Ask queries the database and the platform, each for at most Options.Timeout. The
// answer is the same for all sessions of a user. recheck is true if the session already
// watches the event. Rechecks have their own connections, so that new subscribes cannot
// delay them.
func (g *Guard) Ask(_ context.Context, who any, event string, recheck bool) (allowed bool, err error) {
	id, ok := who.(*Identity)
	if !ok || !isQueryable(id, event) {
		return false, nil
	}
	via := g.clients.subscribe
	if recheck {
		via = g.clients.recheck
	}
	for _, by := range g.o.Decide {
		switch by {
		case ByPublic: // Decide did not allow it; with a stale list that is not a denial
			err = errors.Join(err, g.checkFresh())
		case BySQL, ByHTTP:
			allowed, failed := g.ask(by, via, id.user, event)
			if allowed {
				return true, nil
			}
			err = errors.Join(err, failed)
		}
	}
	return false, err
}

// isQueryable reports whether the database and the platform can know the user and the
// event. They do not know share links, and PostgreSQL's type text holds neither NUL nor
// invalid UTF-8.
func isQueryable(id *Identity, event string) bool {
	for _, s := range []string{id.user, event} {
		if s == "" || strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
			return false
		}
	}
	return id.event == ""
}

// checkFresh returns an error if the list of public events is older than Options.Grace.
func (g *Guard) checkFresh() error { return g.lists.current().checkFresh(time.Now(), g.o.Grace) }

// AllPublic reports whether everybody may watch every event without a delay.
func (g *Guard) AllPublic() bool { return len(g.o.Decide) == 0 }

// MayList reports whether everybody may know of an event. Options.Changed is called
// when the result may have changed.
func (g *Guard) MayList(event string) bool {
	lists := g.lists.current()
	if g.AllPublic() {
		return !lists.delayed[event]
	}
	return slices.Contains(g.o.Decide, ByPublic) && lists.checkFresh(time.Now(), g.o.Grace) == nil && lists.isPublic(event)
}

// ask returns the answer of BySQL or ByHTTP, which may be cached.
func (g *Guard) ask(by string, via *client, user, event string) (bool, error) {
	return g.decisions.get(g.decisions.key(by, user, event), via.pool, func(ctx context.Context) (allowed bool, ttl time.Duration, err error) {
		if by == BySQL {
			allowed, err = g.query(ctx, via, user, event)
		} else {
			allowed, err = g.authz.isAllowed(ctx, via, user, event)
		}
		switch {
		case err != nil:
			return false, 0, fmt.Errorf("authorise by %s: %w", by, err)
		case allowed:
			return true, g.o.Cache, nil
		}
		return false, min(g.o.Cache, denialTTL), nil
	})
}

// query runs AUTHZ_SQL when the pool has a connection for it.
func (g *Guard) query(ctx context.Context, via *client, user, event string) (bool, error) {
	done, err := via.acquire(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	return g.o.Store.MayWatch(ctx, g.o.SQL, user, event)
}
