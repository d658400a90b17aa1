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
	"sync"
	"testing"
	"time"
)

// tlsListener is a second listener of a rig, with TLS.
type tlsListener struct {
	r      *rig
	addr   string
	client *tls.Config
}

// listenTLS starts a listener with a new certificate. Its sockets have small
// buffers.
func (r *rig) listenTLS() *tlsListener {
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
	l := tls.NewListener(MeasureReads(smallSendBuffers{plain}), &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	var web sync.WaitGroup
	web.Go(func() { _ = r.http.Serve(l) }) // ends with the listener
	r.t.Cleanup(func() {
		_ = l.Close()
		web.Wait()
	})
	return &tlsListener{r, plain.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "pitwall.test"}}
}

// slowClient connects a client over TLS. Its socket takes little that is not read.
func (l *tlsListener) slowClient(query string) *rawClient {
	l.r.t.Helper()
	c, err := tls.DialWithDialer(smallReceiveBuffer, "tcp", l.addr, l.client)
	if err != nil {
		l.r.t.Fatal(err)
	}
	w := l.r.clientOver(c, handshakeWith(query))
	w.awaitUpgrade()
	w.awaitWelcome()
	return w
}

// TestTLSSlowClient is TestSlowClientStopsAndStarts over TLS, where the server
// cannot write to the socket itself.
func TestTLSSlowClient(t *testing.T) {
	for _, enc := range encodings {
		t.Run(enc.name, func(t *testing.T) {
			t.Parallel()
			devices := deviceNames(20)
			r := start(t, map[string][]string{"e": devices}, smallBuffers)
			f := r.newFeed("e", enc.query, devices)
			w := r.listenTLS().slowClient(enc.query)
			w.subscribe("e")
			s := r.newestSession()
			if s.sock.raw != nil {
				t.Fatal("the server writes to a TLS connection as to a plain socket")
			}
			// The record that is being written comes on top of the queue.
			f.stopsAndStarts(w, s, 3, maxUnsent(len(devices))+tlsRecord)
		})
	}
}

// Over TLS, one client lags while another one gets every position. Both are closed in
// order.
func TestTLS(t *testing.T) {
	t.Parallel()
	devices := deviceNames(20)
	r := start(t, map[string][]string{"e": devices}, smallBuffers)
	l := r.listenTLS()
	fast, w := l.slowClient(""), l.slowClient("")
	fast.subscribe("e")
	w.subscribe("e")
	s := r.newestSession()
	sent := 0
	publish := func() {
		r.publishWith(padding, devices...)
		sent += len(devices)
		fast.readUntil("the newest positions", func() bool { return fast.screen.shows(r, "e", devices) })
	}
	for range 3 {
		for n := 0; !s.conn.Lagged(); n++ {
			if n > 5000 {
				t.Fatalf("after %d positions the connection of a client that reads nothing has not lagged", sent)
			}
			publish()
		}
		w.send(masked(fin|opPing, "x"))
		w.readUntil("the newest positions", func() bool {
			live, conflated := w.screen.count("e")
			return w.screen.shows(r, "e", devices) && live+conflated == sent
		})
	}
	if len(w.laggedSnapshots("e")) == 0 {
		t.Error("got no lagged snapshot, want some")
	}
	if live, conflated := fast.screen.count("e"); live != sent || conflated != 0 {
		t.Errorf("the fast client got %d positions and %d were left out, want %d and 0", live, conflated, sent)
	}
	s.close(1001, "going away")
	w.awaitClose(1001)
	fast.send(masked(fin|opClose, "\x03\xe8"))
	fast.awaitClose(1000)
}

// Requests, pings, and every way to end a connection work over TLS.
func TestTLSRequestsAndClose(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}}, smallBuffers)
	l := r.listenTLS()
	w := l.slowClient("")
	w.subscribe("e")
	r.publish("a")
	w.awaitText(`"type":"position"`)
	w.send(masked(fin|opPing, "hi"))
	if op, p := w.nextFrame(); op != opPong || p != "hi" {
		t.Errorf("ping was answered with opcode %#x and payload %q, want a pong with %q", op, p, "hi")
	}
	w.send(text(`{"type":"unsubscribe","id":"2","topic":"event:e"}`))
	w.awaitText(`"type":"unsubscribed"`)
	w.send([]byte{0xf0, 0x80, 0, 0, 0, 0})
	w.awaitClose(1002)
	expired := l.slowClient("")
	r.newestSession().close(4401, "session expired")
	expired.awaitClose(4401)
	gone := l.slowClient("")
	_ = gone.conn.Close()
	r.awaitConnections(0)
}

// TestTLSWriteTimeout is TestSlowClientWriteTimeout over TLS.
func TestTLSWriteTimeout(t *testing.T) {
	t.Parallel()
	devices := deviceNames(20)
	r := start(t, map[string][]string{"e": devices}, smallBuffers, shortWriteTimeout)
	f := r.newFeed("e", "", devices)
	l := r.listenTLS()
	little, nothing := l.slowClient(""), l.slowClient("")
	little.subscribe("e")
	nothing.subscribe("e")
	f.awaitWriteTimeout(little, 200)
	f.awaitCaughtUp(little)
	f.wantNoLoss()
}

// TLS keeps a read buffer as long as the client's longest record. It is counted.
func TestTLSReadBufferIsCounted(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}}, smallBuffers)
	l := r.listenTLS()
	l.client.DynamicRecordSizingDisabled = true
	w := l.slowClient("")
	s := r.newestSession()
	if n := s.sock.measured.room.Load(); n == 0 || n >= tlsRecord {
		t.Errorf("the read buffer of a client that has sent nothing has %d bytes, want 1 to %d", n, tlsRecord-1)
	}
	w.send(bytes.Repeat(masked(fin|opPong, ""), tlsRecord/minFrame)) // one record
	eventually(t, "the record to be counted", func() bool {
		return s.waiting.Load() == 0 && s.private() >= tlsRecord
	})
}
