package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"

	"pitwall/engine/internal/endpoint"
)

// The longest answers that are accepted.
const (
	maxAnswer = 64 << 10 // bytes of an answer of the platform
	maxSet    = 1 << 20  // bytes of a key set
)

// client sends requests to one server. It follows no redirects: the credentials are
// only for the configured server, and a login page is not an answer.
type client struct {
	pool    string // the name of the pool; equal requests are merged within a pool
	http    *http.Client
	queries chan struct{} // a semaphore for database queries; nil: no limit
}

// acquire waits until a database query may run. The caller must call done after it.
func (c *client) acquire(ctx context.Context) (done func(), err error) {
	if c.queries == nil {
		return func() {}, nil
	}
	select {
	case c.queries <- struct{}{}:
		return func() { <-c.queries }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a connection to the database: %w", ctx.Err())
	}
}

// clients are separate connection pools, so that a flood of new connections or
// subscribes does not delay rechecks, which withdraw access.
type clients struct {
	connect   *client // authentication of new connections; key sets
	subscribe *client // requests of connected clients: subscribe, renew
	recheck   *client // rechecks of sessions
}

// newClients makes the pools. sessions is the number of connections to the database,
// of which subscribes use at most half; 0 is no limit.
func newClients(timeout time.Duration, sessions int) clients {
	c := clients{newClient("connect", timeout, 64), newClient("subscribe", timeout, 64), newClient("recheck", timeout, 32)}
	if sessions > 0 {
		c.subscribe.queries = make(chan struct{}, max(1, sessions/2))
	}
	return c
}

func (c *clients) close() {
	for _, one := range []*client{c.connect, c.subscribe, c.recheck} {
		one.close()
	}
}

// newClient makes a client with at most conns connections. timeout limits a request,
// including the wait for a connection.
func newClient(pool string, timeout time.Duration, conns int) *client {
	return &client{pool: pool, http: &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			MaxConnsPerHost:        conns,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        time.Minute,
			TLSHandshakeTimeout:    timeout,
			MaxResponseHeaderBytes: maxAnswer,
			DisableCompression:     true, // so that a small answer cannot become a large one
			ForceAttemptHTTP2:      true,
		},
	}}
}

// get sends a GET request. An answer of more than limit bytes is an error. No error
// contains the URL, which may hold a secret.
func (c *client) get(ctx context.Context, address string, header http.Header, limit int64) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, errors.New("invalid URL")
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "pitwall")
	res, err := c.http.Do(req)
	if err != nil {
		return 0, nil, endpoint.WithoutURL(err)
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer: %w", endpoint.WithoutURL(err))
	}
	if int64(len(body)) > limit {
		return 0, nil, fmt.Errorf("the answer is longer than %d bytes", limit)
	}
	return res.StatusCode, body, nil
}

func (c *client) close() { c.http.CloseIdleConnections() }
