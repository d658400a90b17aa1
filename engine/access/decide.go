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

// Decide says whether who may watch an event, as far as that is known here.
// Otherwise key is not "": Ask has the answer, the same for all with that key.
// An error means that nobody has said yes, and somebody could not be asked.
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
			if err = g.fresh(); err == nil && g.lists.isPublic(event) {
				return true, "", nil
			}
		case ByClaims:
			if id.events.has(event) {
				return true, "", nil
			}
		default:
			if askable(id, event) {
				key = strconv.Itoa(len(id.user)) + " " + id.user + event
			}
		}
	}
	if key != "" {
		return false, key, nil
	}
	return false, "", err
}

// Ask asks the database or the platform, which may take Options.Timeout each.
// The answer is the same for all sessions of a user. again says that it is about
// somebody who watches: then others who ask do not take the connections.
func (g *Guard) Ask(_ context.Context, who any, event string, again bool) (allowed bool, err error) {
	id, ok := who.(*Identity)
	if !ok || !askable(id, event) {
		return false, nil
	}
	asking := g.clients.members
	if again {
		asking = g.clients.reviews
	}
	for _, by := range g.o.Decide {
		switch by {
		case ByPublic: // it has not said yes; if it could not, that is no no
			err = errors.Join(err, g.fresh())
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

// askable reports whether a database or a platform can know the two. Share
// links are nobody there, and PostgreSQL's text holds neither NUL nor what is no
// UTF-8.
func askable(id *Identity, event string) bool {
	for _, s := range []string{id.user, event} {
		if s == "" || strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
			return false
		}
	}
	return id.event == ""
}

// fresh is an error when the public events have not been read for too long.
func (g *Guard) fresh() error { return g.lists.stale(time.Now(), g.o.Grace) }

// AllPublic reports whether everybody may watch everything that is not delayed.
func (g *Guard) AllPublic() bool { return len(g.o.Decide) == 0 }

// MayList reports whether an event may be named to strangers. Options.Changed is
// called when that changes.
func (g *Guard) MayList(event string) bool {
	if g.AllPublic() {
		return !g.lists.isDelayed(event)
	}
	return slices.Contains(g.o.Decide, ByPublic) && g.fresh() == nil && g.lists.isPublic(event)
}

func (g *Guard) ask(by string, asking *client, user, event string) (bool, error) {
	return g.decisions.get(g.decisions.key(by, user, event), asking.lane, func(ctx context.Context) (yes bool, keep time.Duration, err error) {
		if by == BySQL {
			var done func()
			if done, err = asking.turn(ctx); err == nil {
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
