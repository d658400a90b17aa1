package access

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"pitwall/engine/internal/pace"
)

// A token with an unknown key id causes a fetch of the key set. Anybody can invent key
// ids, so a token bucket limits these fetches: fetchBurst at once, then one per
// fetchInterval.
const (
	fetchBurst    = 5
	fetchInterval = 10 * time.Second
)

// fetchRetry is the pause after a failed refresh.
const fetchRetry = 15 * time.Second

// keySet is a JWKS. It is fetched at start, at an interval, and when a token names an
// unknown key. After a failed fetch the last keys stay in force.
type keySet struct {
	url    string
	client *client
	every  time.Duration
	log    *slog.Logger
	// changed is called after the keys have changed. It must not block.
	changed func()
	flight  singleflight.Group

	mu       sync.RWMutex
	keys     []key
	body     []byte  // the answer that keys was parsed from
	fetches  float64 // fill of the token bucket
	refilled time.Time
}

func newKeySet(url string, c *client, every time.Duration, log *slog.Logger, changed func()) *keySet {
	return &keySet{url: url, client: c, every: every, log: log, changed: changed, fetches: fetchBurst}
}

// current returns the keys in force. The caller must not change them.
func (s *keySet) current() []key {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.keys
}

// fetch fetches the set and puts its keys in force.
func (s *keySet) fetch(ctx context.Context) error {
	status, body, err := s.client.get(ctx, s.url, nil, maxSet)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the server answered %d", status)
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
		s.changed()
	}
	return nil
}

// refetch fetches the set because of an unknown key id, unless the limit is reached,
// and returns the keys in force. Concurrent callers share one fetch.
func (s *keySet) refetch(ctx context.Context) []key {
	_, err, _ := s.flight.Do("", func() (any, error) {
		if !s.allowFetch(time.Now()) {
			return nil, nil
		}
		return nil, s.fetch(context.WithoutCancel(ctx)) // other callers wait for it too
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

// run refreshes the set at the interval until ctx ends.
func (s *keySet) run(ctx context.Context) {
	pause := s.every
	for pace.Sleep(ctx, pace.Jitter(pause)) == nil {
		pause = s.every
		if err := s.fetch(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("the keys of JWKS_URL could not be refreshed; the last ones stay in force", "error", err)
			pause = min(s.every, fetchRetry)
		}
	}
}
