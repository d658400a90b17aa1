package engine

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"

	"pitwall/engine/live"
)

func within(peer netip.AddrPort, list []netip.Prefix) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(peer.Addr().Unmap()) })
}

// behindProxy reads the PROXY header that trusted proxies must send. Everybody
// else is taken for who they are.
func (c *Config) behindProxy(l net.Listener) net.Listener {
	proxies := c.proxies()
	return &proxyproto.Listener{
		Listener: l, ReadHeaderTimeout: ms(c.HTTPHeaderTimeoutMS),
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if peer, err := netip.ParseAddrPort(o.Upstream.String()); err == nil && within(peer, proxies) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
}

// overTLS wraps the listener. HTTP/1.1 only: that is what upgrades.
func (c *Config) overTLS(l net.Listener, log *slog.Logger) (net.Listener, error) {
	pair := &keyPair{cert: c.TLSCertFile, key: c.TLSKeyFile, log: log}
	if err := pair.load(); err != nil {
		return nil, err
	}
	version := uint16(tls.VersionTLS13)
	if c.TLSMinVersion == "1.2" {
		version = tls.VersionTLS12
	}
	return tls.NewListener(live.Gauged(l), &tls.Config{
		GetCertificate: pair.get, MinVersion: version, NextProtos: []string{"http/1.1"},
	}), nil
}

// keyPair is a certificate that is read again when its files change. A pair
// that does not fit (one file is new, the other not yet) leaves the one before.
type keyPair struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	stamp   [2]fileStamp // of the files that were read last, good or not
	checked time.Time
}

// fileStamp tells whether a file has changed.
type fileStamp struct {
	at   time.Time
	size int64
}

// pairEvery is the least time between two looks at the files.
const pairEvery = 500 * time.Millisecond

// get is called at each handshake.
func (p *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.checked) >= pairEvery {
		p.checked = now
		if stamp, err := p.stat(); err == nil && stamp != p.stamp {
			if err := p.read(stamp); err != nil {
				p.log.Warn("the certificate has changed and cannot be used; the one before is kept", "error", err)
			} else {
				p.log.Info("certificate read again", "file", p.cert)
			}
		}
	}
	return p.pair, nil
}

func (p *keyPair) load() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	stamp, err := p.stat()
	return errors.Join(err, p.read(stamp))
}

func (p *keyPair) stat() (s [2]fileStamp, err error) {
	for i, name := range []string{p.cert, p.key} {
		info, err := os.Stat(name)
		if err != nil {
			return s, fmt.Errorf("look at the files of TLS_CERT_FILE and TLS_KEY_FILE: %w", err)
		}
		s[i] = fileStamp{info.ModTime(), info.Size()}
	}
	return s, nil
}

func (p *keyPair) read(stamp [2]fileStamp) error {
	p.stamp = stamp
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return fmt.Errorf("read the certificate of TLS_CERT_FILE and TLS_KEY_FILE: %w", err)
	}
	p.pair = &pair
	return nil
}
