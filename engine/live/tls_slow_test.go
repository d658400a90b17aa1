package live

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pitwall/engine/internal/testenv"
)

// secure is a second listener of a rig, with TLS, and how to reach it.
type secure struct {
	r      *rig
	addr   string
	client *tls.Config
}

// secure starts it. Its sockets take little, as those of tight do.
func (r *rig) secure() *secure {
	r.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"pitwall.test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		r.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		r.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	l := tls.NewListener(MeasureReads(smallSends{plain}), &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	var web sync.WaitGroup
	web.Go(func() { _ = r.http.Serve(l) }) // it ends with the listener
	r.t.Cleanup(func() {
		_ = l.Close()
		web.Wait()
	})
	return &secure{r, plain.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "pitwall.test"}}
}

// wire connects a client whose socket takes little unread, over TLS.
func (s *secure) wire(query string) *wire {
	s.r.t.Helper()
	d := &net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		fault := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10) })
		if fault != nil {
			return fault
		}
		return err
	}}
	c, err := tls.DialWithDialer(d, "tcp", s.addr, s.client)
	if err != nil {
		s.r.t.Fatal(err)
	}
	w := s.r.over(c, strings.Replace(handshake, "/live", "/live?"+query, 1))
	w.upgraded()
	w.welcome()
	return w
}

// TestTLSSlowSpectator is TestSlowSpectatorStopsAndStarts on a socket whose
// bytes are not ours to write: late, never stale, and bounded.
func TestTLSSlowSpectator(t *testing.T) {
	for _, shape := range shapesOf {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			devices := names(20)
			r := start(t, map[string][]string{"e": devices}, tight)
			f := r.flowOf("e", shape.query, devices)
			w := r.secure().wire(shape.query)
			w.subscribe("e")
			s := r.newest()
			if s.sock.raw != nil {
				t.Fatal("a TLS connection is written to as a plain socket")
			}
			// On top of the ring: the record that is being written.
			f.stopsAndStarts(w, s, 3, most(len(devices))+tlsRecord)
		})
	}
}

// TestTLSRequestsAndClose: what goes in and out, and the end of it.
func TestTLSRequestsAndClose(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}}, tight)
	sec := r.secure()
	w := sec.wire("")
	w.subscribe("e")
	r.publish("a")
	w.until(`"type":"position"`)
	w.send(masked(fin|opPing, "hi"))
	if op, p := w.frame(); op != opPong || p != "hi" {
		t.Errorf("ping answered with %x %q", op, p)
	}
	w.send(text(`{"type":"unsubscribe","id":"2","topic":"event:e"}`))
	w.until(`"type":"unsubscribed"`)
	w.send([]byte{0xf0, 0x80, 0, 0, 0, 0})
	w.closed(1002)
	other := sec.wire("")
	r.newest().close(4401, "session expired")
	other.closed(4401)
	gone := sec.wire("")
	_ = gone.conn.Close()
	r.gone(0)
}

// TestTLSWriteTimeout closes who takes nothing, and nobody else.
func TestTLSWriteTimeout(t *testing.T) {
	t.Parallel()
	devices := names(20)
	r := start(t, map[string][]string{"e": devices}, tight, func(su *setup) { su.live.WriteTimeout = 2 * time.Second })
	f := r.flowOf("e", "", devices)
	sec := r.secure()
	little, nothing := sec.wire(""), sec.wire("")
	little.subscribe("e")
	nothing.subscribe("e")
	f.silentEnds(little, 200)
	f.level(little)
	f.whole()
}

// TLS keeps a read buffer as long as the client's longest record: it counts.
func TestTLSReadBufferIsCounted(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}}, tight)
	sec := r.secure()
	sec.client.DynamicRecordSizingDisabled = true
	w := sec.wire("")
	s := r.newest()
	if n := s.sock.measured.room.Load(); n == 0 || n >= tlsRecord {
		t.Errorf("%d bytes to read into for a client that has said nothing", n)
	}
	w.send(bytes.Repeat(masked(fin|opPong, ""), tlsRecord/minFrame)) // one record
	testenv.Eventually(t, patience, "the record to be counted", func() bool {
		return s.waiting.Load() == 0 && s.private() >= tlsRecord
	})
}
