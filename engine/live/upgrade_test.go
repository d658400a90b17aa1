package live

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"pitwall/engine/internal/origin"
)

// handshakeTo is a handshake with changed headers: "Name: value" sets one, "-Name"
// removes it, "+Name: value" adds one more.
func handshakeTo(path string, changes ...string) string {
	lines := []string{"Host: pitwall.test", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"}
	for _, c := range changes {
		if add, ok := strings.CutPrefix(c, "+"); ok {
			lines = append(lines, add)
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(c, "-"), ":")
		kept := lines[:0]
		for _, l := range lines {
			if !strings.HasPrefix(l, name+":") {
				kept = append(kept, l)
			}
		}
		if lines = kept; c[0] != '-' {
			lines = append(lines, c)
		}
	}
	return "GET " + path + " HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// What the server upgrades, and the subprotocol of its answer.
func TestUpgradeAccepts(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) {
		su.live.Origins = origins(t, "Maps.test", "http://plain.test")
		su.live.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	for _, c := range []struct {
		name, ask, sub string
	}{
		{"the plain handshake", handshakeTo("/live"), ""},
		{"tokens in lists and in any case", handshakeTo("/live", "Connection: keep-alive, uPGRADE", "Upgrade: WebSocket"), ""},
		{"a list of things to upgrade to", handshakeTo("/live", "Upgrade: h2c, websocket"), ""},
		{"several Connection headers", handshakeTo("/live", "Connection: keep-alive", "+Connection: Upgrade"), ""},
		{"our subprotocol", handshakeTo("/live", "Sec-WebSocket-Protocol: pitwall.v1"), subprotocol},
		{"our subprotocol among others", handshakeTo("/live", "Sec-WebSocket-Protocol: chat, pitwall.v1"), subprotocol},
		{"our subprotocol in a header of its own", handshakeTo("/live", "Sec-WebSocket-Protocol: chat", "+Sec-WebSocket-Protocol: pitwall.v1"), subprotocol},
		{"our subprotocol in upper case is another", handshakeTo("/live", "Sec-WebSocket-Protocol: PITWALL.v1"), ""},
		{"a subprotocol that is not ours", handshakeTo("/live", "Sec-WebSocket-Protocol: chat"), ""},
		{"extensions that are not served", handshakeTo("/live", "Sec-WebSocket-Extensions: x-webkit-deflate-frame"), ""},
		{"a page of the same host", handshakeTo("/live", "Origin: http://pitwall.test"), ""},
		{"a page of the same host, over a proxy that ends TLS and does not say so", handshakeTo("/live", "Origin: https://pitwall.test"), ""},
		{"a page of the same host, over a proxy that ends TLS", handshakeTo("/live", "Origin: https://pitwall.test", "X-Forwarded-Proto: https", "X-Forwarded-For: 192.0.2.1"), ""},
		{"a host with the port of https", handshakeTo("/live", "Host: pitwall.test:443", "Origin: https://pitwall.test"), ""},
		{"a host with the port of http", handshakeTo("/live", "Host: pitwall.test:80", "Origin: http://pitwall.test"), ""},
		{"an origin with the port of https", handshakeTo("/live", "Origin: https://pitwall.test:443"), ""},
		{"a host with a dot at its end", handshakeTo("/live", "Host: pitwall.test.", "Origin: https://pitwall.test"), ""},
		{"a page of an allowed host", handshakeTo("/live", "Origin: https://maps.test"), ""},
		{"a page of an allowed host, with the port of https", handshakeTo("/live", "Origin: https://maps.test:443"), ""},
		{"a plain page that is allowed", handshakeTo("/live", "Origin: http://plain.test"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := r.dial(c.ask)
			w.t = t
			resp := w.awaitUpgrade()
			if got := resp.Header.Get("Sec-WebSocket-Protocol"); got != c.sub {
				t.Errorf("subprotocol %q, want %q", got, c.sub)
			}
			if got := resp.Header.Get("Sec-WebSocket-Extensions"); got != "" {
				t.Errorf("extensions %q, want none", got)
			}
			w.awaitWelcome()
			w.send(masked(fin|opClose, "\x03\xe8"))
			w.awaitClose(1000)
		})
	}
	r.awaitConnections(0)
}

// What the server refuses, and the status of its answer.
func TestUpgradeRefuses(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) {
		su.live.Origins = origins(t, "maps.test")
		su.live.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	for _, c := range []struct {
		name, ask string
		status    int
	}{
		{"no upgrade", handshakeTo("/live", "-Upgrade", "-Connection"), 400},
		{"no Connection", handshakeTo("/live", "-Connection"), 400},
		{"another protocol", handshakeTo("/live", "Upgrade: h2c"), 400},
		{"no key", handshakeTo("/live", "-Sec-WebSocket-Key"), 400},
		{"a key that is too short", handshakeTo("/live", "Sec-WebSocket-Key: abcd"), 400},
		{"a key that is no base64", handshakeTo("/live", "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!!!"), 400},
		{"POST", "POST" + handshakeTo("/live")[3:], 400},
		{"HTTP/1.0", strings.Replace(handshakeTo("/live"), "HTTP/1.1", "HTTP/1.0", 1), 400},
		{"an old version", handshakeTo("/live", "Sec-WebSocket-Version: 8"), 426},
		{"no version", handshakeTo("/live", "-Sec-WebSocket-Version"), 426},
		{"another origin", handshakeTo("/live", "Origin: http://evil.test"), 403},
		{"an origin without a host", handshakeTo("/live", "Origin: null"), 403},
		{"an origin that is no URL", handshakeTo("/live", "Origin: http://%zz"), 403},
		{"an origin whose name ends in ours", handshakeTo("/live", "Origin: http://evilpitwall.test"), 403},
		{"a plain page, although the request came over TLS", handshakeTo("/live", "Origin: http://pitwall.test", "X-Forwarded-Proto: https"), 403},
		{"a plain page of an allowed host", handshakeTo("/live", "Origin: http://maps.test"), 403},
		{"another port", handshakeTo("/live", "Origin: http://pitwall.test:8080"), 403},
		{"the port of the other scheme", handshakeTo("/live", "Host: pitwall.test:443", "Origin: http://pitwall.test"), 403},
		{"two origins", handshakeTo("/live", "Origin: http://pitwall.test", "+Origin: http://evil.test"), 403},
		{"a huge header", handshakeTo("/live", "X-Pad: "+strings.Repeat("x", 2<<20)), 431},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.WriteString(conn, c.ask) }() // the refusal may come before all is sent
			w := &rawClient{t: t, conn: conn, br: bufio.NewReader(conn)}
			t.Cleanup(func() { _ = conn.Close() })
			resp := w.readResponse()
			if resp.StatusCode != c.status {
				t.Fatalf("answered with %s, want %d", resp.Status, c.status)
			}
			if got := resp.Header.Get("Sec-WebSocket-Version"); (c.status == 426) != (got == "13") {
				t.Errorf("got Sec-WebSocket-Version %q, want 13 with 426 only", got)
			}
		})
	}
	r.awaitConnections(0)
	if n := r.rejectedCount(403); n != 9 {
		t.Errorf("%d refusals with 403 are counted, want 9", n)
	}
}

// origins parses a list of origins, which must be valid.
func origins(t *testing.T, entries ...string) origin.List {
	t.Helper()
	l, err := origin.ParseList(entries)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Where all origins are allowed, an origin that cannot be parsed is, too.
func TestUpgradeAcceptsAnyOrigin(t *testing.T) {
	r := start(t, nil, func(su *setup) { su.live.Origins = origins(t, "*") })
	for _, o := range []string{"https://evil.test", "null"} {
		w := r.dial(handshakeTo("/live", "Origin: "+o))
		w.awaitUpgrade()
		w.awaitWelcome()
	}
}

// rejectedCount is how many upgrades were refused with a status.
func (r *rig) rejectedCount(status int) uint64 {
	return r.set.GetOrCreateCounter(rejectedName(status)).Get()
}

// A handshake that access refuses gets its status.
func TestUpgradeAuthenticates(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}})
	for _, status := range []int{401, 503} {
		r.rule.status = status
		resp := r.dial(handshake).readResponse()
		if got := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != status || (status == 401) != (got == "Bearer") {
			t.Errorf("answered with %s, WWW-Authenticate %q; want %d, and Bearer with 401 only", resp.Status, got, status)
		}
	}
	r.rule.status = 0
	r.rawClient()
	if n := r.srv.Connections(); n != 1 {
		t.Errorf("%d connections are counted, want 1", n)
	}
}

// probe is the request of a page that asks why its handshake was refused.
var probe = handshakeTo("/live", "-Upgrade", "-Connection", "-Sec-WebSocket-Key", "-Sec-WebSocket-Version", "+Sec-Fetch-Mode: cors")

// A probe is answered as a handshake would be. That is not counted as a refusal,
// unless a handshake would not be refused.
func TestProbeIsAnsweredAsAHandshake(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) { su.live.MaxConnections = 2 })
	want := func(when string, status int, reason string) {
		t.Helper()
		resp := r.dial(probe).readResponse()
		body := make([]byte, len(reason))
		if _, err := io.ReadFull(resp.Body, body); err != nil || resp.StatusCode != status || string(body) != reason {
			t.Errorf("%s: answered with %s %q (%v), want %d %s", when, resp.Status, body, err, status, reason)
		}
	}
	r.rule.status = 401
	want("not authenticated", 401, reasonAccess)
	r.rule.status = 503
	want("no answer about access", 503, reasonPlatform)
	r.rule.status = 0
	r.rawClient()
	for range 5 { // none of them counts as a connection
		want("room for one more", 400, reasonHandshake)
	}
	r.rawClient()
	want("full", 429, reasonFull)
	if n := r.srv.Connections(); n != 2 {
		t.Errorf("%d connections are counted, want 2", n)
	}
	for status, n := range map[int]uint64{401: 0, 503: 0, 429: 0, 400: 5} {
		if got := r.rejectedCount(status); got != n {
			t.Errorf("%d refusals with %d are counted, want %d", got, status, n)
		}
	}
	r.srv.draining.Store(true)
	want("draining", 503, reasonDraining)
	r.srv.draining.Store(false)
}

// A connection above the limit is refused. When another one has gone, it is let in.
func TestUpgradeLimit(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) { su.live.MaxConnections = 3 })
	all := []*rawClient{r.rawClient(), r.rawClient(), r.rawClient()}
	for range 10 {
		if resp := r.dial(handshake).readResponse(); resp.StatusCode != http.StatusTooManyRequests {
			t.Fatalf("answered with %s, want 429", resp.Status)
		}
	}
	_ = all[1].conn.Close()
	r.awaitConnections(2)
	r.rawClient()
	if n := r.rejectedCount(429); n != 10 {
		t.Errorf("%d refusals are counted, want 10", n)
	}
}

// A handshake that comes byte by byte is accepted. An incomplete one does not count
// as a connection.
func TestUpgradeByteByByte(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}})
	half := r.dial("GET /live HTTP/1.1\r\nHost: pitwall.test\r\nUpgr")
	w := r.dial("")
	for _, b := range []byte(handshake) {
		w.send([]byte{b})
	}
	w.awaitUpgrade()
	w.awaitWelcome()
	if n := r.srv.Connections(); n != 1 {
		t.Errorf("%d connections are counted, want 1", n)
	}
	_ = half.conn.Close()
}

// Clients that vanish at any point of the handshake leave nothing behind.
func TestUpgradeOfAClientThatVanishes(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}})
	answer := make(chan struct{})
	r.rule.authenticate = func(q *http.Request) (any, int) {
		if q.URL.Query().Get("slow") != "" {
			<-answer
		}
		return nil, 0
	}
	for n := range len(handshake) + 1 {
		w := r.dial(handshake[:n])
		_ = w.conn.(*net.TCPConn).SetLinger(0)
		_ = w.conn.Close()
	}
	var waiting []*rawClient
	for range 20 {
		waiting = append(waiting, r.dial(handshakeTo("/live?slow=1")))
	}
	eventually(t, "all clients to wait for authentication", func() bool { return r.srv.Connections() >= 20 })
	for _, w := range waiting {
		_ = w.conn.(*net.TCPConn).SetLinger(0)
		_ = w.conn.Close()
	}
	close(answer)
	r.awaitConnections(0)
	r.rawClient()
}

// A client library gets the subprotocol that it offers, and a close handshake.
func TestUpgradeOfALibrary(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws://"+r.addr+"/live", &websocket.DialOptions{Subprotocols: []string{"other", subprotocol}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	if got := ws.Subprotocol(); got != subprotocol {
		t.Errorf("subprotocol %q, want %q", got, subprotocol)
	}
	if _, _, err := ws.Read(ctx); err != nil {
		t.Fatal(err)
	}
	if err := ws.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Errorf("close handshake: %v", err)
	}
	r.awaitConnections(0)
}
