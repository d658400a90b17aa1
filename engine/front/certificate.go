package front

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"pitwall/engine/live"
)

// CheckCertificate reads the two files as New does. The error names the
// settings.
func CheckCertificate(certFile, keyFile string) error {
	pair := &keyPair{cert: certFile, key: keyFile, log: slog.New(slog.DiscardHandler)}
	return pair.load()
}

// overTLS wraps the listener. HTTP/1.1 only: that is what upgrades.
func (s *Server) overTLS(l net.Listener) (net.Listener, error) {
	o := s.opts.TLS
	pair := &keyPair{cert: o.CertFile, key: o.KeyFile, log: s.opts.Logger}
	if err := pair.load(); err != nil {
		return nil, err
	}
	return tls.NewListener(live.MeasureReads(l), &tls.Config{
		GetCertificate: pair.get, MinVersion: o.MinVersion, NextProtos: []string{"http/1.1"},
	}), nil
}

// keyPair is a certificate that is read again when its files change. While the
// two files do not fit each other (one is new, the other not yet), the pair
// before is served.
type keyPair struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	stamp   [2]fileStamp // of the files that were read last, good or not: bad ones are reported once
	checked time.Time
}

// fileStamp tells whether a file has changed.
type fileStamp struct {
	at   time.Time
	size int64
}

// checkEvery is the least time between two looks at the files: a handshake must
// not cost two system calls each.
const checkEvery = 500 * time.Millisecond

// get is called at each handshake, by any goroutine.
func (p *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.checked) >= checkEvery {
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
