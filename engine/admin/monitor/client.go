package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pitwall/engine/config"
	"pitwall/engine/internal/endpoint"
	"pitwall/engine/ops"
)

// Target says which process to ask.
type Target struct {
	OpsAddr  string        `name:"ops-addr" env:"OPS_ADDR" default:"127.0.0.1:9090" help:"Private listener of the process, as its own OPS_ADDR names it."`
	OpsToken config.Secret `name:"ops-token" env:"OPS_TOKEN" help:"Its OPS_TOKEN, if it has one."`
	// OpsTokenFile is read by config.ReadFiles.
	OpsTokenFile string        `name:"ops-token-file" env:"OPS_TOKEN_FILE" help:"File that holds OPS_TOKEN instead."`
	URL          string        `name:"url" help:"Its private listener as a URL, such as https://ops.example/pitwall, instead of OPS_ADDR."`
	Timeout      time.Duration `name:"timeout" default:"5s" help:"Longest time for one answer."`
}

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 8 << 20

// Errors of a request that got no usable answer.
var (
	errNoAnswer = errors.New("no answer")
	errToken    = errors.New("it requires another OPS_TOKEN")
)

// client asks the private listener of one process.
type client struct {
	base    *url.URL
	token   config.Secret
	timeout time.Duration
	http    *http.Client
}

func newClient(t Target) (*client, error) {
	c := &client{token: t.OpsToken, timeout: t.Timeout}
	if t.Timeout <= 0 {
		return nil, fmt.Errorf("--timeout is %v, allowed is more than 0", t.Timeout)
	}
	transport := &http.Transport{DisableKeepAlives: true} // no proxy
	if t.URL != "" {
		u, err := url.Parse(t.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
			return nil, errors.New("--url is not the URL of a private listener, such as http://127.0.0.1:9090")
		}
		c.base = u
	} else {
		host, port, err := net.SplitHostPort(t.OpsAddr)
		if err != nil || port == "" || port == "0" {
			return nil, fmt.Errorf("OPS_ADDR is %q, which names no port: give the address with --url", t.OpsAddr)
		}
		// A listener on all addresses also has that of localhost. Dial takes the address
		// as it is, so that no name has to be resolved.
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "localhost"
		}
		c.base = &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, t.OpsAddr)
		}
	}
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

// get sends a request and decodes the answer, which must have one of the status codes.
func (c *client) get(ctx context.Context, path string, query url.Values, into any, statuses ...int) error {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(limited, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+string(c.token))
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w from %s: %w", errNoAnswer, c.base.Redacted(), endpoint.WithoutURL(err))
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%w from %s: %w", errNoAnswer, c.base.Redacted(), endpoint.WithoutURL(err))
	}
	for _, s := range statuses {
		if res.StatusCode != s {
			continue
		}
		if err := json.Unmarshal(body, into); err != nil {
			return fmt.Errorf("%s does not answer as Pitwall: %w", u.Redacted(), err)
		}
		return nil
	}
	if res.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("%s: %w", c.base.Redacted(), errToken)
	}
	text := strings.Join(strings.Fields(string(body[:min(len(body), 200)])), " ")
	return fmt.Errorf("%s answers %s: %s", u.Redacted(), res.Status, text)
}

// report asks for /status.
func (c *client) report(ctx context.Context) (r ops.Report, err error) {
	err = c.get(ctx, "/status", nil, &r, http.StatusOK)
	return r, err
}

// Answers reports whether a process of Pitwall answers at an OPS_ADDR, ready or not.
func Answers(ctx context.Context, addr string) bool {
	c, err := newClient(Target{OpsAddr: addr, Timeout: time.Second})
	return err == nil && c.short(ctx).Answers
}
