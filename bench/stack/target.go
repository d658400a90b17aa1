package stack

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"pitwall/bench/internal/gauge"
	"pitwall/bench/internal/relay"
)

// Target is an installation that runs already.
type Target struct {
	URL      string // of its public listener, ws:// or wss://
	CA       string // file with the certificates that its own is checked with; "": those of the system
	RedisURL string
	Ops      string // its private listener, host:port; "" if unknown
	PID      int    // 0 if its process is not on this machine
}

// Running returns a Stack for an installation that runs. Close does not stop it.
func Running(ctx context.Context, t Target) (*Stack, error) {
	u, err := ParseTarget(t.URL)
	if err != nil {
		return nil, err
	}
	if t.Ops != "" {
		if _, err := gauge.Scrape(ctx, t.Ops); err != nil {
			return nil, fmt.Errorf("--ops is %s, which is not a private listener of Pitwall: %w", t.Ops, err)
		}
	}
	s := &Stack{RedisURL: t.RedisURL, Host: u.Host}
	addr := u.Host
	switch {
	case u.Scheme == "wss":
		if u.Port() == "" {
			addr = net.JoinHostPort(u.Hostname(), "443")
		}
		roots, err := t.roots()
		if err != nil {
			return nil, err
		}
		if s.relay, err = relayTLS(ctx, addr, &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}}); err != nil {
			return nil, fmt.Errorf("--target: %w", err)
		}
		addr = s.relay.Addr()
	case u.Port() == "":
		addr = net.JoinHostPort(u.Hostname(), "80")
	}
	s.Engines = []*Engine{{Addr: addr, Path: u.RequestURI(), Ops: t.Ops, PID: t.PID}}
	return s, nil
}

// dialTimeout bounds a connection over TLS, with the handshake.
const dialTimeout = 30 * time.Second

// relayTLS relays connections to addr over TLS. It connects once, so that a wrong
// certificate is an error here.
func relayTLS(ctx context.Context, addr string, config *tls.Config) (*relay.Relay, error) {
	dial := func(ctx context.Context) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", addr)
	}
	c, err := dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to %s over TLS: %w", addr, err)
	}
	c.Close()
	return relay.Start(dial, nil)
}

// roots are the certificates of CA, nil for those of the system.
func (t *Target) roots() (*x509.CertPool, error) {
	if t.CA == "" {
		return nil, nil
	}
	b, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, fmt.Errorf("--target-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("--target-ca: there is no certificate in %s", t.CA)
	}
	return pool, nil
}

// ParseTarget checks the URL of a public listener, and adds the path of the live server
// if there is none.
func ParseTarget(target string) (*url.URL, error) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return nil, fmt.Errorf("--target is %q, it must be ws://host:port/live or wss://host/live", target)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/live"
	}
	return u, nil
}
