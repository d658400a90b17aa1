package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Store is what of the database access is decided with. Its methods are called
// from many goroutines.
type Store interface {
	// PublicEvents returns the ids of all events that everybody may watch.
	PublicEvents(ctx context.Context) ([]string, error)
	// DelayedEvents returns the ids of all events that the public may watch
	// late only: as long as there is no way to do so, not at all.
	DelayedEvents(ctx context.Context) ([]string, error)
	// Revocations returns the ids of all tokens that are not good any more,
	// although they have not expired.
	Revocations(ctx context.Context) ([]string, error)
	// MayWatch runs a query with the user as $1 and the event as $2, "" for
	// the one on pitwall_members, and says whether a row came whose first
	// column is true or a number other than 0. Another type is an error.
	MayWatch(ctx context.Context, query, user, event string) (bool, error)
	// CheckQuery says what is wrong with a query for MayWatch, nil for nothing.
	CheckQuery(ctx context.Context, query string) error
	// Listen calls ready whenever it has begun to listen, and fn at every
	// notification, until ctx ends.
	Listen(ctx context.Context, channels []string, ready func(), fn func(channel, payload string)) error
}

// lists are the public and the delayed events and the revoked tokens, held in
// memory.
type lists struct {
	store Store

	mu      sync.RWMutex
	public  map[string]bool
	delayed map[string]bool
	revoked map[string]bool
	readAt  time.Time
}

// refresh reads the lists. On an error those before stay in force.
func (l *lists) refresh(ctx context.Context) (changed bool, err error) {
	begin := time.Now()
	events, err := l.store.PublicEvents(ctx)
	if err != nil {
		return false, fmt.Errorf("read the public events: %w", err)
	}
	late, err := l.store.DelayedEvents(ctx)
	if err != nil {
		return false, fmt.Errorf("read the delayed events: %w", err)
	}
	tokens, err := l.store.Revocations(ctx)
	if err != nil {
		return false, fmt.Errorf("read the revocations: %w", err)
	}
	public, delayed, revoked := setOf(events), setOf(late), setOf(tokens)
	l.mu.Lock()
	defer l.mu.Unlock()
	changed = !l.readAt.IsZero() && !(maps.Equal(public, l.public) && maps.Equal(delayed, l.delayed) && maps.Equal(revoked, l.revoked))
	l.public, l.delayed, l.revoked, l.readAt = public, delayed, revoked, begin
	return changed, nil
}

func setOf(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}

func (l *lists) isPublic(event string) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.public[event] && !l.delayed[event]
}

func (l *lists) isDelayed(event string) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.delayed[event]
}

// allDelayed lists the delayed events, in order.
func (l *lists) allDelayed() []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Sorted(maps.Keys(l.delayed))
}

func (l *lists) isRevoked(token string) bool {
	if token == "" {
		return false
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.revoked[token]
}

// checkFresh is an error when the lists have not been read for longer than grace.
func (l *lists) checkFresh(now time.Time, grace time.Duration) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if now.Sub(l.readAt) > grace {
		return errors.New("the public events have not been read for too long")
	}
	return nil
}
