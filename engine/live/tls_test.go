package live

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"
)

// overTLS has the rig serve TLS, with a certificate of its own.
func overTLS(t *testing.T) func(*setup) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	paper := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, paper, paper, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return func(su *setup) {
		tight(su)
		su.wrap = func(l net.Listener) net.Listener { return tls.NewListener(smallSends{l}, config) }
	}
}

// secret connects a wire client over TLS.
func (r *rig) secret() *wire {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
	w := r.over(tls.Client(c, &tls.Config{InsecureSkipVerify: true}), handshake) // the certificate is made by nobody
	w.upgraded()
	w.welcome()
	return w
}

// TLS goes through the same door: order, lag and close are the same.
func TestTLS(t *testing.T) {
	t.Parallel()
	devices := names(20)
	r := start(t, map[string][]string{"e": devices}, overTLS(t))
	by, w := r.secret(), r.secret()
	by.subscribe("e")
	w.subscribe("e")
	s := r.newest() // a session is listed behind its welcome
	sent := 0
	step := func() {
		r.publishWith(padding, devices...)
		sent += len(devices)
		by.readUntil("a step", func() bool { return by.screen.shows(r, "e", devices) })
	}
	for range 3 {
		for n := 0; !s.conn.Lagged(); n++ {
			if n > 5000 {
				t.Fatal("the connection of a client that reads nothing was never found full")
			}
			step()
		}
		w.send(masked(fin|opPing, "x"))
		w.readUntil("the newest", func() bool {
			live, conflated := w.screen.count("e")
			return w.screen.shows(r, "e", devices) && live+conflated == sent
		})
	}
	if len(w.lagged("e")) == 0 {
		t.Error("no lagged snapshot came")
	}
	if live, conflated := by.screen.count("e"); live != sent || conflated != 0 {
		t.Errorf("the honest spectator got %d of %d", live, sent)
	}
	s.close(1001, "going away")
	w.closed(1001)
	by.send(masked(fin|opClose, "\x03\xe8"))
	by.closed(1000)
}
