package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Bounds of what the other side may send.
const (
	maxAnswer = 64 << 10 // bytes of an answer of the platform
	maxSet    = 1 << 20  // bytes of a key set
)

// client asks one server. It follows no redirect: the credentials are for the
// server that was named, and a redirect to a login page is no answer.
type client struct {
	lane  string // questions of one lane do not wait for those of another
	http  *http.Client
	share chan struct{} // questions to the database that are under way; nil: any number
}

// turn waits until one more question may be put to the database. done must follow.
func (c *client) turn(ctx context.Context) (done func(), err error) {
	if c.share == nil {
		return func() {}, nil
	}
	select {
	case c.share <- struct{}{}:
		return func() { <-c.share }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a connection to the database: %w", ctx.Err())
	}
}

// clients have connections of their own, so that those of one kind do not wait
// for those of another.
type clients struct {
	strangers *client // who connects, and the keys
	members   *client // what those who are in want
	reviews   *client // whether they may stay
}

// newClients makes them, for so many connections to the database, of which the
// questions of members take half; 0 is any number.
func newClients(timeout time.Duration, sessions int) clients {
	c := clients{newClient("strangers", timeout, 64), newClient("members", timeout, 64), newClient("reviews", timeout, 32)}
	if sessions > 0 {
		c.members.share = make(chan struct{}, max(1, sessions/2))
	}
	return c
}

func (c *clients) close() {
	for _, one := range []*client{c.strangers, c.members, c.reviews} {
		one.close()
	}
}

// newClient makes a client whose questions take timeout at most, the wait for
// one of its conns connections included.
func newClient(lane string, timeout time.Duration, conns int) *client {
	return &client{lane: lane, http: &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			MaxConnsPerHost:        conns,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        time.Minute,
			TLSHandshakeTimeout:    timeout,
			MaxResponseHeaderBytes: maxAnswer,
			DisableCompression:     true, // what is small on the wire stays small
			ForceAttemptHTTP2:      true,
		},
	}}
}

// get asks. The answer's body has limit bytes at most; a longer one is an
// error. No error names the URL.
func (c *client) get(ctx context.Context, address string, header http.Header, limit int64) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, errors.New("the URL is none")
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "pitwall")
	res, err := c.http.Do(req)
	if err != nil {
		return 0, nil, bare(err)
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer: %w", bare(err))
	}
	if int64(len(body)) > limit {
		return 0, nil, fmt.Errorf("the answer is longer than %d bytes", limit)
	}
	return res.StatusCode, body, nil
}

// bare takes an error out of the wrapping that quotes the URL.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (c *client) close() { c.http.CloseIdleConnections() }
