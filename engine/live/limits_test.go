package live

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		want       string // "" if it is unknown
	}{
		{"a direct client", "192.0.2.7:1234", nil, "192.0.2.7"},
		{"a direct client that claims another address", "192.0.2.7:1234", []string{"198.51.100.1"}, "192.0.2.7"},
		{"IPv4 in IPv6", "[::ffff:192.0.2.7]:1234", nil, "192.0.2.7"},
		{"IPv6 with a zone", "[fe80::1%eth0]:1234", nil, "fe80::1"},
		{"one proxy", "10.0.0.1:1234", []string{"198.51.100.1"}, "198.51.100.1"},
		{"one proxy, and a client that claims another address", "10.0.0.1:1234", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "10.0.0.1:1234", []string{"203.0.113.9, 198.51.100.1, 10.9.9.9"}, "198.51.100.1"},
		{"two lines", "10.0.0.1:1234", []string{"203.0.113.9", "198.51.100.1, 2001:db8:1::5"}, "198.51.100.1"},
		{"ports and brackets", "[2001:db8:1::1]:1234", []string{"[2001:db8:9::1]:443"}, "2001:db8:9::1"},
		{"brackets without a port", "10.0.0.1:1", []string{"[2001:db8:9::1]"}, "2001:db8:9::1"},
		{"a proxy with IPv4 in IPv6", "[::ffff:10.0.0.1]:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"a proxy that names no client", "10.0.0.1:1234", nil, ""},
		{"proxies only", "10.0.0.1:1234", []string{"10.0.0.2"}, ""},
		{"not an address", "10.0.0.1:1234", []string{"198.51.100.1, unknown"}, ""},
		{"an empty entry", "10.0.0.1:1234", []string{"198.51.100.1, "}, ""},
		{"a peer without an address", "@", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/live", nil)
			r.RemoteAddr = c.peer
			for _, f := range c.forwarded {
				r.Header.Add("X-Forwarded-For", f)
			}
			at, known := clientAddr(r, trusted)
			got := ""
			if known {
				got = at.String()
			}
			if got != c.want {
				t.Errorf("got client address %q, want %q", got, c.want)
			}
		})
	}
}

// An IPv6 client is counted by its network, since it may use any address of it.
func TestAddressesAreCountedByNetwork(t *testing.T) {
	at := func(s string) addrKey { return addrKeyOf(netip.MustParseAddr(s)) }
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.7", "192.0.2.7", true}, {"192.0.2.7", "192.0.2.8", false}, {"::ffff:192.0.2.7", "192.0.2.7", true},
		{"2001:db8::1", "2001:db8::ffff:1", true}, {"2001:db8::1", "2001:db8:0:1::1", false},
	} {
		if got := at(c.a) == at(c.b); got != c.same {
			t.Errorf("%s and %s have the same key: %v, want %v", c.a, c.b, got, c.same)
		}
	}
}

func TestLimiter(t *testing.T) {
	now := time.Now()
	a, b := addrKeyOf(netip.MustParseAddr("192.0.2.1")), addrKeyOf(netip.MustParseAddr("192.0.2.2"))
	c := addrKeyOf(netip.MustParseAddr("192.0.2.3"))
	local := addrKeyOf(netip.MustParseAddr("127.0.0.1"))
	l, o := &limiter{}, &Limits{Connections: AddressLimit{Most: 2, SpareLoopback: true}}
	enter := func(l *limiter, from addrKey, want string) {
		t.Helper()
		if got := l.admit(o, from, now); got != want {
			t.Errorf("admit %v: got reason %q, want %q", from, got, want)
		}
	}
	for range 3 {
		enter(l, local, "")
		enter(l, addrKey{}, "")
	}
	enter(l, a, "")
	enter(l, a, "")
	enter(l, a, reasonAddress)
	enter(l, b, "")
	l.release(a)
	enter(l, a, "")

	l, o = &limiter{}, &Limits{UpgradeRate: 2, UpgradeRatePerAddress: AddressLimit{Most: 1}}
	for range burstSeconds {
		enter(l, a, "")
	}
	for range 100 { // refused without using up what all share
		enter(l, a, reasonAddrRate)
	}
	for range burstSeconds {
		enter(l, b, "")
	}
	enter(l, c, reasonRate)
	enter(l, addrKey{}, reasonRate)
	now = now.Add(time.Second)
	enter(l, b, "")
	enter(l, a, "")
	enter(l, c, reasonRate)
	for range burstSeconds + 1 {
		l.release(a)
	}
	now = now.Add(time.Hour)
	enter(l, b, "")
	if len(l.by) != 1 {
		t.Errorf("%d addresses are remembered, want 1, which is b", len(l.by))
	}
}

// One address that sends more requests than its limit is refused. Other addresses
// and handshakes are not affected.
func TestRequestsOfOneAddress(t *testing.T) {
	r := start(t, nil, func(su *setup) {
		su.live.Limits = Limits{
			Requests: AddressLimit{Most: 1}, UpgradeRatePerAddress: AddressLimit{Most: 1},
		}
		su.live.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	r.srv.delays.delayed = nil // no request may wait, so answers come at once
	served := 0
	h := r.srv.LimitRequests(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
	ask := func(peer, forwarded string, want int) {
		t.Helper()
		q, w := httptest.NewRequest("GET", "/events.json", nil), httptest.NewRecorder()
		q.RemoteAddr = peer
		if forwarded != "" {
			q.Header.Set("X-Forwarded-For", forwarded)
		}
		h.ServeHTTP(w, q)
		if w.Code != want {
			t.Errorf("a request from %s for %q: got status %d, want %d", peer, forwarded, w.Code, want)
		}
		if limited := w.Code == http.StatusTooManyRequests; limited &&
			(!strings.HasPrefix(w.Body.String(), reasonHTTPRate+": ") || w.Header().Get("Retry-After") == "") {
			t.Errorf("a request from %s: got body %q and header %v, want %s and Retry-After", peer, w.Body, w.Header(), reasonHTTPRate)
		}
	}
	for range requestBurstSeconds {
		ask("198.51.100.1:5", "", 200)
	}
	ask("198.51.100.1:6", "203.0.113.1", 429) // not from a trusted proxy: the header is ignored
	ask("198.51.100.2:5", "", 200)
	ask("192.0.2.1:5", "203.0.113.1", 200)
	ask("192.0.2.1:5", "198.51.100.1", 429)
	if refused := r.set.GetOrCreateCounter(refusalName(reasonHTTPRate)).Get(); served != requestBurstSeconds+2 || refused != 2 {
		t.Errorf("%d requests were served and %d refused, want %d and 2", served, refused, requestBurstSeconds+2)
	}
	// The limit of handshakes is another one.
	if reason := r.srv.limiter.admit(r.srv.limits(), addrKeyOf(netip.MustParseAddr("198.51.100.1")), time.Now()); reason != "" {
		t.Errorf("a handshake is refused for %s, want it admitted", reason)
	}
}

// Each limit of the upgrade is answered with 429 and its reason, and counted.
func TestLimitsAnswerAndCount(t *testing.T) {
	for _, c := range []struct {
		reason string
		limits func(*Options)
	}{
		{reasonFull, func(o *Options) { o.MaxConnections = 1 }},
		{reasonAddress, func(o *Options) { o.Limits.Connections.Most = 1 }},
		{reasonRate, func(o *Options) { o.Limits.UpgradeRate = 1.0 / burstSeconds }},
	} {
		t.Run(c.reason, func(t *testing.T) {
			r := start(t, nil, func(su *setup) { c.limits(&su.live) })
			r.srv.delays.delayed = nil // no request may wait, so answers come at once
			first := r.rawClient()
			for _, ask := range []string{handshake, probe} {
				res := r.dial(ask).readResponse()
				var body [100]byte
				n, _ := res.Body.Read(body[:])
				if res.StatusCode != http.StatusTooManyRequests || !strings.HasPrefix(string(body[:n]), c.reason+": ") || res.Header.Get("Retry-After") == "" {
					t.Errorf("%.80q was answered with %s %q, want 429, %s and Retry-After", ask, res.Status, body[:n], c.reason)
				}
			}
			if n := r.set.GetOrCreateCounter(refusalName(c.reason)).Get(); n != 1 {
				t.Errorf("%d refusals are counted, want 1", n)
			}
			if c.reason != reasonRate {
				_ = first.conn.Close()
				r.awaitConnections(0)
				r.rawClient()
			}
		})
	}
}

// Connections that have not upgraded are limited. Those that have are not counted
// any more.
func TestPendingConnections(t *testing.T) {
	for _, c := range []struct {
		reason string
		limits Limits
	}{
		{reasonPending, Limits{Pending: 3}},
		{reasonPendingOf, Limits{Pending: 100, PendingPerAddress: AddressLimit{Most: 3}}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			r := start(t, nil, func(su *setup) { su.live.Limits = c.limits })
			var idle []net.Conn
			for range 3 {
				conn, err := net.Dial("tcp", r.addr)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				idle = append(idle, conn)
			}
			refused := r.set.GetOrCreateCounter(refusalName(c.reason))
			eventually(t, "the fourth connection to be closed", func() bool {
				conn, err := net.Dial("tcp", r.addr)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				fmt.Fprint(conn, handshake)
				_ = conn.SetReadDeadline(time.Now().Add(patience))
				n, _ := conn.Read(make([]byte, 1))
				return n == 0 && refused.Get() > 0
			})
			_ = idle[0].Close()
			// More connections than the limit upgrade, one after the other.
			for range 10 {
				eventually(t, "an upgrade", func() bool {
					conn, err := net.Dial("tcp", r.addr)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = conn.Close() })
					fmt.Fprint(conn, handshake)
					_ = conn.SetReadDeadline(time.Now().Add(patience))
					n, _ := conn.Read(make([]byte, 1))
					return n == 1
				})
			}
		})
	}
}

// Connections that end without a request are counted by the reason: a timeout, or
// bytes that are not a request.
func TestConnectionsWithoutARequestAreCounted(t *testing.T) {
	for _, c := range []struct {
		name, send, answer, reason string
		timeout                    time.Duration
		close                      bool // by the client, at once
	}{
		{"silence", "", "", reasonTimeout, 20 * time.Millisecond, false},
		{"half a request", "GET /live HTTP/1.1\r\nHost: x\r\n", "", reasonTimeout, 20 * time.Millisecond, false},
		{"a header too long", "GET /live HTTP/1.1\r\nHost: x\r\nCookie: " + strings.Repeat("a", 64<<10), "HTTP/1.1 431", reasonRequest, time.Hour, false},
		{"not HTTP", "\x16\x03\x01\r\n\r\n", "HTTP/1.1 400", reasonRequest, time.Hour, false},
		{"closed by the client", "", "", "", time.Hour, true},
		{"a request", "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 404", "", time.Hour, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, nil, func(su *setup) { su.headerTimeout = c.timeout })
			conn, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = fmt.Fprint(conn, c.send) // fails if the server does not read all of it
			if !c.close {
				_ = conn.SetReadDeadline(time.Now().Add(patience))
				answer, _ := io.ReadAll(conn)
				if !strings.HasPrefix(string(answer), c.answer) {
					t.Errorf("got answer %.60q, want %q", answer, c.answer)
				}
			}
			_ = conn.Close()
			eventually(t, "the connection to be removed", func() bool {
				r.srv.httpConns.mu.Lock()
				defer r.srv.httpConns.mu.Unlock()
				return r.srv.httpConns.all == 0 && len(r.srv.httpConns.silent) == 0
			})
			for _, reason := range []string{reasonTimeout, reasonRequest} {
				want := uint64(0)
				if reason == c.reason {
					want = 1
				}
				eventually(t, "the count of "+reason, func() bool {
					return r.set.GetOrCreateCounter(refusalName(reason)).Get() == want
				})
			}
		})
	}
}
