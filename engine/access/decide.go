package access

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Ways to decide who may watch an event (AUTHZ_MODE). One yes is enough.
const (
	ByPublic = "public" // marked public in the database
	ByClaims = "claims" // named in the token, or by the platform with the id
	BySQL    = "sql"    // a query on the database
	ByHTTP   = "http"   // the platform is asked
)

// cost is the order in which ways are tried: what costs nothing first.
var cost = []string{ByPublic, ByClaims, BySQL, ByHTTP}

// Authorize says whether who may watch an event. An error means that nobody
// has said yes, and somebody could not be asked.
func (g *Guard) Authorize(_ context.Context, who any, event string) (allowed bool, err error) {
	id, ok := who.(*Identity)
	if !ok || !g.valid(id, time.Now()) {
		return false, nil
	}
	if g.AllPublic() || id.event != "" && id.event == event {
		return true, nil
	}
	var failed error
	for _, by := range g.o.Decide {
		yes, err := g.decide(by, id, event)
		if yes {
			return true, nil
		}
		if err != nil {
			failed = err
		}
	}
	return false, failed
}

// AllPublic reports whether everybody may watch everything.
func (g *Guard) AllPublic() bool { return len(g.o.Decide) == 0 }

// MayList reports whether an event may be named to strangers.
func (g *Guard) MayList(event string) bool {
	return g.AllPublic() || slices.Contains(g.o.Decide, ByPublic) && g.lists.isPublic(event)
}

func (g *Guard) decide(by string, id *Identity, event string) (bool, error) {
	switch by {
	case ByPublic:
		if err := g.lists.stale(time.Now(), g.o.Grace); err != nil {
			return false, err
		}
		return g.lists.isPublic(event), nil
	case ByClaims:
		return id.events.has(event), nil
	}
	if id.user == "" || id.event != "" {
		return false, nil // nobody whom a database or a platform knows
	}
	return g.decisions.get(g.decisions.key(by, id.user, event), func(ctx context.Context) (yes bool, keep time.Duration, err error) {
		if by == BySQL {
			yes, err = g.o.Store.MayWatch(ctx, g.o.SQL, id.user, event)
		} else {
			yes, err = g.judge.allowed(ctx, id.user, event)
		}
		if err != nil {
			return false, 0, fmt.Errorf("authorise by %s: %w", by, err)
		}
		if !yes {
			return false, min(g.o.Cache, deniedFor), nil
		}
		return true, g.o.Cache, nil
	})
}
