package live

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzUpgrade sends arbitrary bytes to a running server. It upgrades a handshake,
// and otherwise answers with a status or closes the connection.
func FuzzUpgrade(f *testing.F) {
	for _, s := range []string{
		handshake,
		strings.Replace(handshake, "GET", "POST", 1),
		strings.Replace(handshake, "Version: 13", "Version: 8", 1),
		strings.Replace(handshake, "dGhlIHNhbXBsZSBub25jZQ==", "x", 1),
		strings.Replace(handshake, "\r\n\r\n", "\r\nOrigin: https://evil.example\r\n\r\n", 1),
		strings.Replace(handshake, "\r\n\r\n", "\r\nSec-WebSocket-Protocol: pitwall.v1, bearer.x\r\n\r\n", 1),
		strings.Replace(handshake, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n", 1),
		strings.Replace(handshake, "/live", "/live?batch=1&access_token=%zz", 1),
		handshake + "\x88\x80\x00\x00\x00\x00",
		"GET /live HTTP/1.1\r\n\r\n", "\x16\x03\x01", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	r := start(f, map[string][]string{"e": {"a"}}, func(su *setup) {
		su.live.Limits = Limits{Connections: AddressLimit{Most: 1000}, UpgradeRate: 1e9}
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 8<<10 {
			return
		}
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Write(data); err != nil {
			return // the server has closed the connection
		}
		_ = c.(*net.TCPConn).CloseWrite()
		req := &http.Request{Method: http.MethodGet}
		res, err := http.ReadResponse(bufio.NewReader(c), req)
		if err != nil {
			if strings.Contains(err.Error(), "timeout") {
				t.Fatalf("%q: no answer and no end: %v", data, err)
			}
			return
		}
		defer res.Body.Close()
		switch res.StatusCode {
		case 101:
			if a := res.Header.Get("Sec-WebSocket-Accept"); a == "" {
				t.Errorf("%q is upgraded without Sec-WebSocket-Accept", data)
			}
			if p := res.Header.Get("Sec-WebSocket-Protocol"); p != "" && p != subprotocol {
				t.Errorf("%q is answered with subprotocol %q, want %q or none", data, p, subprotocol)
			}
		case 200, 301, 307, 308, 400, 403, 404, 405, 408, 413, 414, 417, 426, 429, 431, 501, 505:
		default:
			t.Errorf("%q is answered with %s, want a status that the server uses", data, res.Status)
		}
		if n := r.srv.m.panics.Get(); n != 0 {
			t.Errorf("%q: the library panicked %d times, want 0", data, n)
		}
	})
}
