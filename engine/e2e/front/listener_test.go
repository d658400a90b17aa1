package front

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pires/go-proxyproto"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// certificate writes a new pair into dir, and returns a pool that trusts it.
func certificate(t *testing.T, dir string, serial int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: der}, "tls.key": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}

// clientOf is a client that trusts the pool.
func clientOf(roots *x509.CertPool) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
}

// serialOf makes a TLS handshake and returns the serial number of the certificate.
func serialOf(addr string, c *tls.Config) (int64, error) {
	conn, err := tls.Dial("tcp", addr, c)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	roots := certificate(t, dir, 1)
	files := []string{"--tls-cert-file=" + dir + "/tls.crt", "--tls-key-file=" + dir + "/tls.key"}
	s := e2etest.Start(t, files...)
	addr := s.HTTP

	ctx, cancel := context.WithTimeout(t.Context(), e2etest.Patience)
	defer cancel()
	client := clientOf(roots)
	ws, res, err := websocket.Dial(ctx, "wss://"+addr+"/live", &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	if _, welcome, err := ws.Read(ctx); err != nil || !strings.Contains(string(welcome), "welcome") {
		t.Errorf("first frame %q, %v", welcome, err)
	}
	if res.ProtoMajor != 1 {
		t.Errorf("upgraded over %s", res.Proto)
	}
	conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: roots, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.ConnectionState(); got.NegotiatedProtocol != "http/1.1" || got.Version != tls.VersionTLS13 {
		t.Errorf("agreed on %q, TLS %x", got.NegotiatedProtocol, got.Version)
	}
	conn.Close()
	old := &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12}
	if _, err := serialOf(addr, old); err == nil {
		t.Error("TLS 1.2 is spoken although nobody asked for it")
	}
	if _, err := serialOf(e2etest.Start(t, append(files, "--tls-min-version=1.2")...).HTTP, old); err != nil {
		t.Errorf("TLS 1.2 is not spoken: %v", err)
	}

	// A renewed certificate takes effect without a restart; half of one does not.
	roots = certificate(t, dir, 2)
	fresh := &tls.Config{RootCAs: roots}
	testenv.Eventually(t, e2etest.Patience, "the new certificate", func() bool {
		n, err := serialOf(addr, fresh)
		return err == nil && n == 2
	})
	if err := os.WriteFile(filepath.Join(dir, "tls.key"), []byte("half a k"), 0o600); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, e2etest.Patience, "half a key to be found", func() bool {
		if n, err := serialOf(addr, fresh); err != nil || n != 2 {
			t.Fatalf("with half a key: certificate %d, %v", n, err)
		}
		return len(s.Log.Find("the certificate has changed and cannot be used")) > 0
	})
	if n, err := serialOf(addr, fresh); err != nil || n != 2 {
		t.Errorf("after half a key: certificate %d, %v", n, err)
	}
	// Connected clients do not notice.
	if err := ws.Ping(ws.CloseRead(ctx)); err != nil {
		t.Errorf("ping: %v", err)
	}
}

func TestTLSFilesThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	certificate(t, dir, 1)
	for name, flags := range map[string][]string{
		"TLS_KEY_FILE":  {"--tls-cert-file=" + dir + "/tls.crt"},
		"TLS_CERT_FILE": {"--tls-cert-file=" + dir + "/none", "--tls-key-file=" + dir + "/tls.key"},
	} {
		var s *e2etest.Engine
		cfg, err := e2etest.Settings(e2etest.EmbeddedBackends(t).EngineFlags(flags...)...)
		if err == nil {
			s, err = e2etest.LaunchReady(cfg, new(e2etest.Log))
		}
		if err == nil {
			_ = s.Stop()
			t.Errorf("%q: it starts", flags)
		} else if !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v does not name %s", flags, err, name)
		}
	}
}

// proxied is the header of a PROXY protocol proxy about a client at an address.
func proxied(ip string) *proxyproto.Header {
	return proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 9), Port: 80})
}

// handshake asks for /live of a host, after a PROXY header and over TLS where these are
// given. It returns the status, 0 when the connection was closed, and the client's
// address. The connection stays open until the test ends.
func handshake(t *testing.T, addr, host string, header *proxyproto.Header, secure *tls.Config) (status int, from netip.AddrPort) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	from = netip.MustParseAddrPort(c.LocalAddr().String())
	_ = c.SetDeadline(time.Now().Add(e2etest.Patience))
	if header != nil {
		if _, err := header.WriteTo(c); err != nil {
			t.Fatal(err)
		}
	}
	if secure != nil {
		c = tls.Client(c, secure)
	}
	fmt.Fprintf(c, "GET /live HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", host)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, from
	}
	return res.StatusCode, from
}

// TestProxyProtocol: clients are counted by the address that the proxy names.
func TestProxyProtocol(t *testing.T) {
	s := e2etest.Start(t, "--proxy-protocol", "--trusted-proxies=127.0.0.0/8", "--auth-allow-anonymous", "--live-max-connections-per-address=1")
	for _, c := range []struct {
		name   string
		header *proxyproto.Header
		want   int
	}{
		{"a client", proxied("192.0.2.1"), 101},
		{"another", proxied("192.0.2.2"), 101},
		{"the first again", proxied("192.0.2.1"), 429},
		{"no header", nil, 0},
	} {
		got, _ := handshake(t, s.HTTP, "live.example", c.header, nil)
		if got != c.want && (c.want != 0 || got != 400) {
			t.Errorf("%s: status %d, want %d", c.name, got, c.want)
		}
	}
	// Bytes go out on the plain socket, past the wrapper.
	if s.Metric(t, "processor_live_written_bytes_total") == 0 {
		t.Error("nothing was written")
	}
}

// TestProxyProtocolAndHost: clients of the proxy may use its public name as Host.
func TestProxyProtocolAndHost(t *testing.T) {
	s := e2etest.Start(t, "--proxy-protocol", "--trusted-proxies=127.0.0.1", "--auth-mode=jwt", "--jwt-secret="+e2etest.JWTSecret)
	if got, _ := handshake(t, s.HTTP, "live.example", proxied("192.0.2.1"), nil); got != http.StatusUnauthorized {
		t.Errorf("status %d, want 401: the host is fine, a token is missing", got)
	}
}

// TestForwardedFor: clients are counted by the header of a trusted proxy.
func TestForwardedFor(t *testing.T) {
	s := e2etest.Start(t, "--trusted-proxies=127.0.0.1", "--auth-allow-anonymous", "--live-max-connections-per-address=1")
	for _, c := range []struct {
		forwarded string
		want      int
	}{
		{"192.0.2.1", 101}, {"192.0.2.1", 429}, {"203.0.113.1, 192.0.2.1", 429}, {"192.0.2.2", 101},
		{"2001:db8::1", 101}, {"2001:db8::2", 429},
		{"", 101}, {"", 101}, {"unknown", 101}, // without an address: logged, and not counted as one client
	} {
		header := http.Header{}
		if c.forwarded != "" {
			header.Set("X-Forwarded-For", c.forwarded)
		}
		cl, status, err := e2etest.Connect(s.HTTP, "", header, nil)
		if err == nil {
			t.Cleanup(cl.Close)
		}
		if status != c.want {
			t.Errorf("%q: status %d, want %d", c.forwarded, status, c.want)
		}
	}
}
