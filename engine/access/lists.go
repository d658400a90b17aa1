package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Store is the part of the database that access control reads. Its methods are
// called from many goroutines.
type Store interface {
	// PublicEvents returns the ids of all events that everybody may watch.
	PublicEvents(ctx context.Context) ([]string, error)
	// DelayedEvents returns the ids of all events that the public may watch only with
	// a delay. Positions cannot be delayed yet, so these events are closed to the public.
	DelayedEvents(ctx context.Context) ([]string, error)
	// Revocations returns the ids of all tokens with a revocation in force.
	Revocations(ctx context.Context) ([]string, error)
	// MayWatch runs a query with the user as $1 and the event as $2; "" is the query
	// on pitwall_members. It reports whether the first column of a row is true or a
	// number other than 0. A column of another type is an error.
	MayWatch(ctx context.Context, query, user, event string) (bool, error)
	// CheckQuery returns an error if a query cannot be used by MayWatch.
	CheckQuery(ctx context.Context, query string) error
	// Listen blocks until ctx ends. It calls ready each time it begins to listen, and
	// fn for each notification.
	Listen(ctx context.Context, channels []string, ready func(), fn func(channel, payload string)) error
}

// lists holds the last reading of the public and delayed events and of the revoked
// tokens. Any goroutine may call its methods.
type lists struct {
	store Store

	mu  sync.RWMutex
	set listSet
}

// listSet is one reading of the lists. It is not changed afterwards.
type listSet struct {
	public, delayed, revoked map[string]bool
	readAt                   time.Time
}

// refresh reads the lists. After an error the last reading stays in force.
func (l *lists) refresh(ctx context.Context) (changed bool, err error) {
	next := listSet{readAt: time.Now()}
	for _, list := range []struct {
		name string
		read func(context.Context) ([]string, error)
		set  *map[string]bool
	}{
		{"public events", l.store.PublicEvents, &next.public},
		{"delayed events", l.store.DelayedEvents, &next.delayed},
		{"revocations", l.store.Revocations, &next.revoked},
	} {
		ids, err := list.read(ctx)
		if err != nil {
			return false, fmt.Errorf("read the %s: %w", list.name, err)
		}
		*list.set = make(map[string]bool, len(ids))
		for _, id := range ids {
			(*list.set)[id] = true
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	changed = !l.set.readAt.IsZero() && !l.set.isEqual(next)
	l.set = next
	return changed, nil
}

// current returns the last reading.
func (l *lists) current() listSet {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.set
}

func (s listSet) isEqual(o listSet) bool {
	return maps.Equal(s.public, o.public) && maps.Equal(s.delayed, o.delayed) && maps.Equal(s.revoked, o.revoked)
}

// isPublic reports whether everybody may watch an event.
func (s listSet) isPublic(event string) bool { return s.public[event] && !s.delayed[event] }

// checkFresh returns an error if the reading is older than grace.
func (s listSet) checkFresh(now time.Time, grace time.Duration) error {
	if now.Sub(s.readAt) > grace {
		return errors.New("the public events could not be read for too long")
	}
	return nil
}
