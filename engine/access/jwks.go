package access

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// An unknown key id has the set fetched again at once, but strangers can make
// up key ids: a few times in a row, then once per setPause.
const (
	setBurst = 5
	setPause = 10 * time.Second
)

// setRetry is the pause after a refresh that failed.
const setRetry = 15 * time.Second

// keySet is a JWKS that is fetched: at start, again and again, and when a
// token names a key that is not in it. A fetch that fails leaves the keys
// that are there.
type keySet struct {
	url    string
	client *client
	every  time.Duration
	log    *slog.Logger
	// changed is called when other keys are in force. It must not block.
	changed func()
	flight  singleflight.Group

	mu      sync.RWMutex
	keys    []key
	body    []byte  // they were read from
	credits float64 // fetches that unknown key ids may still cause
	filled  time.Time
}

func newKeySet(url string, c *client, every time.Duration, log *slog.Logger, changed func()) *keySet {
	return &keySet{url: url, client: c, every: every, log: log, changed: changed, credits: setBurst}
}

// current returns the keys in force. They are not to be changed.
func (s *keySet) current() []key {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.keys
}

// fetch gets the set and puts it in force.
func (s *keySet) fetch(ctx context.Context) error {
	status, body, err := s.client.get(ctx, s.url, nil, maxSet)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the server answers %d", status)
	}
	if err != nil {
		return fmt.Errorf("fetch the keys of JWKS_URL: %w", err)
	}
	keys, err := parseSet(body)
	if err != nil {
		return fmt.Errorf("read the keys of JWKS_URL: %w", err)
	}
	s.mu.Lock()
	same := bytes.Equal(s.body, body)
	s.keys, s.body = keys, body
	s.mu.Unlock()
	if !same {
		s.changed() // after the keys are in force: what is verified from then on is by them
	}
	return nil
}

// missed is called for a key id that is not in the set. It fetches the set,
// unless that has been done too often, and returns the keys in force then.
// Callers at the same time share one fetch.
func (s *keySet) missed(ctx context.Context) []key {
	_, err, _ := s.flight.Do("", func() (any, error) {
		if !s.spend(time.Now()) {
			return nil, nil
		}
		return nil, s.fetch(context.WithoutCancel(ctx)) // others wait for it too
	})
	if err != nil {
		s.log.Warn("a token names an unknown key, and the keys could not be fetched", "error", err)
	}
	return s.current()
}

func (s *keySet) spend(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.filled.IsZero() {
		s.credits = min(setBurst, s.credits+now.Sub(s.filled).Seconds()/setPause.Seconds())
	}
	s.filled = now
	if s.credits < 1 {
		return false
	}
	s.credits--
	return true
}

// run refreshes the set until ctx ends.
func (s *keySet) run(ctx context.Context) {
	timer := time.NewTimer(spread(s.every))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		pause := spread(s.every)
		if err := s.fetch(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("the keys could not be refreshed; those before are kept", "error", err)
			pause = min(pause, spread(setRetry))
		}
		timer.Reset(pause)
	}
}

// spread varies an interval by a tenth, so that many instances do not ask in
// step.
func spread(d time.Duration) time.Duration {
	tenth := d / 10
	if tenth <= 0 {
		return d
	}
	return d - tenth + rand.N(2*tenth)
}
