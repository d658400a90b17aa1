package front

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"pitwall/engine/live"
)

// CheckCertificate reads the files of a certificate and its key as New does. The error
// names the settings.
func CheckCertificate(certFile, keyFile string) error {
	_, err := loadCertificate(certFile, keyFile, nil)
	return err
}

// listenTLS wraps the listener. It offers only HTTP/1.1, because HTTP/2 has no
// upgrade.
func (s *Server) listenTLS(l net.Listener) (net.Listener, error) {
	o := s.opts.TLS
	c, err := loadCertificate(o.CertFile, o.KeyFile, s.opts.Logger)
	if err != nil {
		return nil, err
	}
	s.certificate = c
	if s.opts.Metrics != nil {
		s.opts.Metrics.NewGauge("processor_live_certificate_expiry_timestamp_seconds", c.expiry)
	}
	return tls.NewListener(live.MeasureReads(l), &tls.Config{
		GetCertificate: c.get, MinVersion: o.MinVersion, NextProtos: []string{"http/1.1"},
	}), nil
}

// certificate is a certificate that is read again when its files change. While the
// two files do not match, because only one has been replaced, the previous
// certificate is served.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	version [2]fileVersion // of the files at the last read, even a failed one, so that it is logged once
	checked time.Time
}

// fileVersion changes when a file is replaced.
type fileVersion struct {
	modified time.Time
	size     int64
}

// checkInterval is the least time between two checks of the files, so that not every
// handshake costs two system calls.
const checkInterval = 500 * time.Millisecond

func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	version, err := c.stat()
	return c, errors.Join(err, c.read(version))
}

// get returns the current certificate. TLS handshakes call it from any goroutine.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.checked) < checkInterval {
		return c.pair, nil
	}
	c.checked = now
	if version, err := c.stat(); err == nil && version != c.version {
		if err := c.read(version); err != nil {
			c.log.Warn("the certificate has changed and cannot be used; the previous one is kept", "error", err)
		} else {
			c.log.Info("the certificate was read again", "file", c.certFile)
		}
	}
	return c.pair, nil
}

// CertificateName returns the first name of the certificate that is a whole host name,
// "" if there is none or no TLS. Any goroutine may call it.
func (s *Server) CertificateName() string {
	if s.certificate == nil {
		return ""
	}
	s.certificate.mu.Lock()
	defer s.certificate.mu.Unlock()
	if leaf := s.certificate.pair.Leaf; leaf != nil {
		for _, name := range leaf.DNSNames {
			if !strings.HasPrefix(name, "*") {
				return name
			}
		}
	}
	return ""
}

// ReloadCertificate reads the certificate and its key now, instead of at a later
// handshake. After an error the previous one stays. Without TLS it does nothing. Any
// goroutine may call it once New has returned.
func (s *Server) ReloadCertificate() error {
	c := s.certificate
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	version, err := c.stat()
	if err != nil {
		return err
	}
	return c.read(version)
}

// expiry returns when the current certificate expires, in Unix time. Like a handshake,
// it looks for a new one first.
func (c *certificate) expiry() float64 {
	pair, _ := c.get(nil) // never an error
	return float64(pair.Leaf.NotAfter.Unix())
}

func (c *certificate) stat() (v [2]fileVersion, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return v, fmt.Errorf("check the files of TLS_CERT_FILE and TLS_KEY_FILE: %w", err)
		}
		v[i] = fileVersion{info.ModTime(), info.Size()}
	}
	return v, nil
}

// read reads the files, which have the given version.
func (c *certificate) read(v [2]fileVersion) error {
	c.version = v
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read the certificate of TLS_CERT_FILE and TLS_KEY_FILE: %w", err)
	}
	c.pair = &pair
	return nil
}
