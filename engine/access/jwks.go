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

// A token with an unknown key id causes a fetch. Anybody can make up key ids, so a
// token bucket limits these fetches: fetchBurst at once, then one per fetchInterval.
const (
	fetchBurst    = 5
	fetchInterval = 10 * time.Second
)

// fetchRetry is the pause after a refresh that failed.
const fetchRetry = 15 * time.Second

// keySet is a JWKS. It is fetched at start, at intervals, and when a token names an
// unknown key. If a fetch fails, the last keys stay in force.
type keySet struct {
	url    string
	client *client
	every  time.Duration
	log    *slog.Logger
	// changed is called when other keys are in force. It must not block.
	changed func()
	flight  singleflight.Group

	mu       sync.RWMutex
	keys     []key
	body     []byte  // they were read from
	fetches  float64 // fetches that unknown key ids may still cause
	refilled time.Time
}

func newKeySet(url string, c *client, every time.Duration, log *slog.Logger, changed func()) *keySet {
	return &keySet{url: url, client: c, every: every, log: log, changed: changed, fetches: fetchBurst}
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

// refetch fetches the set for a key id that it lacks, unless the limit is reached,
// and returns the keys in force. Concurrent callers share one fetch.
func (s *keySet) refetch(ctx context.Context) []key {
	_, err, _ := s.flight.Do("", func() (any, error) {
		if !s.allowFetch(time.Now()) {
			return nil, nil
		}
		return nil, s.fetch(context.WithoutCancel(ctx)) // others wait for it too
	})
	if err != nil {
		s.log.Warn("a token names an unknown key, and the keys could not be fetched", "error", err)
	}
	return s.current()
}

func (s *keySet) allowFetch(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.refilled.IsZero() {
		s.fetches = min(fetchBurst, s.fetches+now.Sub(s.refilled).Seconds()/fetchInterval.Seconds())
	}
	s.refilled = now
	if s.fetches < 1 {
		return false
	}
	s.fetches--
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
			pause = min(pause, spread(fetchRetry))
		}
		timer.Reset(pause)
	}
}

// spread varies an interval by a tenth, so that instances do not all fetch at the
// same time.
func spread(d time.Duration) time.Duration {
	tenth := d / 10
	if tenth <= 0 {
		return d
	}
	return d - tenth + rand.N(2*tenth)
}
