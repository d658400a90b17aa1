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
	"time"

	"github.com/coder/websocket"

	"pitwall/engine/internal/origin"
	"pitwall/engine/internal/testenv"
)

// asked is a handshake with headers changed: "Name: value" sets, "-Name"
// removes, "+Name: value" adds one more.
func asked(path string, changes ...string) string {
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

func TestUpgradeTakes(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) {
		su.live.Origins = origins(t, "Maps.test", "http://plain.test")
		su.live.Limits.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	for _, c := range []struct {
		name, ask, sub string
	}{
		{"the plain handshake", asked("/live"), ""},
		{"tokens in lists and in any case", asked("/live", "Connection: keep-alive, uPGRADE", "Upgrade: WebSocket"), ""},
		{"a list of things to upgrade to", asked("/live", "Upgrade: h2c, websocket"), ""},
		{"several Connection headers", asked("/live", "Connection: keep-alive", "+Connection: Upgrade"), ""},
		{"our subprotocol", asked("/live", "Sec-WebSocket-Protocol: pitwall.v1"), subprotocol},
		{"our subprotocol among others", asked("/live", "Sec-WebSocket-Protocol: chat, pitwall.v1"), subprotocol},
		{"our subprotocol in a header of its own", asked("/live", "Sec-WebSocket-Protocol: chat", "+Sec-WebSocket-Protocol: pitwall.v1"), subprotocol},
		{"our subprotocol in other letters is another", asked("/live", "Sec-WebSocket-Protocol: PITWALL.v1"), ""},
		{"a subprotocol that is not ours", asked("/live", "Sec-WebSocket-Protocol: chat"), ""},
		{"extensions that are not served", asked("/live", "Sec-WebSocket-Extensions: x-webkit-deflate-frame"), ""},
		{"a page of the same host", asked("/live", "Origin: http://pitwall.test"), ""},
		{"a page of the same host, over a proxy that ends TLS and does not say so", asked("/live", "Origin: https://pitwall.test"), ""},
		{"a page of the same host, over a proxy that ends TLS", asked("/live", "Origin: https://pitwall.test", "X-Forwarded-Proto: https", "X-Forwarded-For: 192.0.2.1"), ""},
		{"a host with the port of https", asked("/live", "Host: pitwall.test:443", "Origin: https://pitwall.test"), ""},
		{"a host with the port of http", asked("/live", "Host: pitwall.test:80", "Origin: http://pitwall.test"), ""},
		{"an origin with the port of https", asked("/live", "Origin: https://pitwall.test:443"), ""},
		{"a host with a dot at its end", asked("/live", "Host: pitwall.test.", "Origin: https://pitwall.test"), ""},
		{"a page of an allowed host", asked("/live", "Origin: https://maps.test"), ""},
		{"a page of an allowed host, with the port of https", asked("/live", "Origin: https://maps.test:443"), ""},
		{"a plain page that is allowed", asked("/live", "Origin: http://plain.test"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := r.open(c.ask)
			w.t = t
			resp := w.upgraded()
			if got := resp.Header.Get("Sec-WebSocket-Protocol"); got != c.sub {
				t.Errorf("subprotocol %q, want %q", got, c.sub)
			}
			if got := resp.Header.Get("Sec-WebSocket-Extensions"); got != "" {
				t.Errorf("extensions %q, want none", got)
			}
			w.welcome()
			w.send(masked(fin|opClose, "\x03\xe8"))
			w.closed(1000)
		})
	}
	r.gone(0)
}

func TestUpgradeRefuses(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) {
		su.live.Origins = origins(t, "maps.test")
		su.live.Limits.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	for _, c := range []struct {
		name, ask string
		status    int
	}{
		{"no upgrade", asked("/live", "-Upgrade", "-Connection"), 400},
		{"no Connection", asked("/live", "-Connection"), 400},
		{"another protocol", asked("/live", "Upgrade: h2c"), 400},
		{"no key", asked("/live", "-Sec-WebSocket-Key"), 400},
		{"a key that is too short", asked("/live", "Sec-WebSocket-Key: abcd"), 400},
		{"a key that is no base64", asked("/live", "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!!!"), 400},
		{"POST", "POST" + asked("/live")[3:], 400},
		{"HTTP/1.0", strings.Replace(asked("/live"), "HTTP/1.1", "HTTP/1.0", 1), 400},
		{"an old version", asked("/live", "Sec-WebSocket-Version: 8"), 426},
		{"no version", asked("/live", "-Sec-WebSocket-Version"), 426},
		{"another origin", asked("/live", "Origin: http://evil.test"), 403},
		{"an origin without a host", asked("/live", "Origin: null"), 403},
		{"an origin that is no URL", asked("/live", "Origin: http://%zz"), 403},
		{"an origin whose name ends in ours", asked("/live", "Origin: http://evilpitwall.test"), 403},
		{"a plain page, although the request came over TLS", asked("/live", "Origin: http://pitwall.test", "X-Forwarded-Proto: https"), 403},
		{"a plain page of an allowed host", asked("/live", "Origin: http://maps.test"), 403},
		{"another port", asked("/live", "Origin: http://pitwall.test:8080"), 403},
		{"the port of the other scheme", asked("/live", "Host: pitwall.test:443", "Origin: http://pitwall.test"), 403},
		{"two origins", asked("/live", "Origin: http://pitwall.test", "+Origin: http://evil.test"), 403},
		{"a huge header", asked("/live", "X-Pad: "+strings.Repeat("x", 2<<20)), 431},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", r.addr)
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.WriteString(conn, c.ask) }() // refused before it is all sent, perhaps
			w := &wire{t: t, conn: conn, br: bufio.NewReader(conn)}
			t.Cleanup(func() { _ = conn.Close() })
			resp := w.response()
			if resp.StatusCode != c.status {
				t.Fatalf("answered with %s, want %d", resp.Status, c.status)
			}
			if got := resp.Header.Get("Sec-WebSocket-Version"); (c.status == 426) != (got == "13") {
				t.Errorf("Sec-WebSocket-Version %q", got)
			}
		})
	}
	r.gone(0)
	if n := r.refusals(403); n != 9 {
		t.Errorf("%d refusals with 403 are counted, want 9", n)
	}
}

// origins reads a list that must be one.
func origins(t *testing.T, entries ...string) origin.List {
	t.Helper()
	l, err := origin.ParseList(entries)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// An origin that is allowed because all are need not be one that can be
// compared.
func TestUpgradeTakesAnyOrigin(t *testing.T) {
	r := start(t, nil, func(su *setup) { su.live.Origins = origins(t, "*") })
	for _, from := range []string{"https://evil.test", "null"} {
		w := r.open(asked("/live", "Origin: "+from))
		w.upgraded()
		w.welcome()
	}
}

// refusals is how many upgrades were refused with a status.
func (r *rig) refusals(status int) uint64 {
	return r.set.GetOrCreateCounter(rejectedName(status)).Get()
}

func TestUpgradeAuthenticates(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}})
	for _, status := range []int{401, 503} {
		r.rule.status = status
		resp := r.open(handshake).response()
		if got := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != status || (status == 401) != (got == "Bearer") {
			t.Errorf("answered with %s, WWW-Authenticate %q; want %d", resp.Status, got, status)
		}
	}
	r.rule.status = 0
	r.wire()
	if n := r.srv.Connections(); n != 1 {
		t.Errorf("%d connections are counted, want 1", n)
	}
}

// question asks as a page does that was not let in.
var probe = asked("/live", "-Upgrade", "-Connection", "-Sec-WebSocket-Key", "-Sec-WebSocket-Version", "+Sec-Fetch-Mode: cors")

// A question is answered as a handshake would be, and counts as no refusal
// unless there is nothing to refuse it for.
func TestProbeIsAnsweredAsAHandshake(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) { su.live.MaxConnections = 2 })
	want := func(when string, status int, reason string) {
		t.Helper()
		resp := r.open(probe).response()
		body := make([]byte, len(reason))
		if _, err := io.ReadFull(resp.Body, body); err != nil || resp.StatusCode != status || string(body) != reason {
			t.Errorf("%s: answered with %s %q (%v), want %d %s", when, resp.Status, body, err, status, reason)
		}
	}
	r.rule.status = 401
	want("a stranger", 401, reasonAccess)
	r.rule.status = 503
	want("nobody can say", 503, reasonPlatform)
	r.rule.status = 0
	r.wire()
	for range 5 { // none of them keeps a place
		want("room for one more", 400, reasonHandshake)
	}
	r.wire()
	want("full", 429, reasonFull)
	if n := r.srv.Connections(); n != 2 {
		t.Errorf("%d connections are counted, want 2", n)
	}
	for status, n := range map[int]uint64{401: 0, 503: 0, 429: 0, 400: 5} {
		if got := r.refusals(status); got != n {
			t.Errorf("%d refusals with %d are counted, want %d", got, status, n)
		}
	}
	r.srv.draining.Store(true)
	want("draining", 503, reasonDraining)
	r.srv.draining.Store(false)
}

// One connection too many is refused, and let in when another has gone.
func TestUpgradeLimit(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}}, func(su *setup) { su.live.MaxConnections = 3 })
	all := []*wire{r.wire(), r.wire(), r.wire()}
	for range 10 {
		if resp := r.open(handshake).response(); resp.StatusCode != http.StatusTooManyRequests {
			t.Fatalf("answered with %s, want 429", resp.Status)
		}
	}
	_ = all[1].conn.Close()
	r.gone(2)
	r.wire()
	if n := r.refusals(429); n != 10 {
		t.Errorf("%d refusals are counted, want 10", n)
	}
}

// A handshake that comes byte by byte is a handshake; one that never ends
// keeps nothing of the live server.
func TestUpgradeByteByByte(t *testing.T) {
	r := start(t, map[string][]string{"e": {"a"}})
	half := r.open("GET /live HTTP/1.1\r\nHost: pitwall.test\r\nUpgr")
	w := r.open("")
	for _, b := range []byte(handshake) {
		w.send([]byte{b})
	}
	w.upgraded()
	w.welcome()
	if n := r.srv.Connections(); n != 1 {
		t.Errorf("%d connections are counted, want 1", n)
	}
	_ = half.conn.Close()
}

// Clients that vanish at any point of the handshake leave nothing behind.
func TestUpgradeOfAClientThatVanishes(t *testing.T) {
	t.Parallel()
	r := start(t, map[string][]string{"e": {"a"}})
	slowly := make(chan struct{})
	r.rule.who = func(q *http.Request) (any, int) {
		if q.URL.Query().Get("slow") != "" {
			<-slowly
		}
		return nil, 0
	}
	for n := range len(handshake) + 1 {
		w := r.open(handshake[:n])
		_ = w.conn.(*net.TCPConn).SetLinger(0)
		_ = w.conn.Close()
	}
	var waiting []*wire
	for range 20 {
		waiting = append(waiting, r.open(asked("/live?slow=1")))
	}
	testenv.Eventually(t, patience, "all to be asked who they are", func() bool { return r.srv.Connections() >= 20 })
	for _, w := range waiting {
		_ = w.conn.(*net.TCPConn).SetLinger(0)
		_ = w.conn.Close()
	}
	close(slowly)
	r.gone(0)
	r.wire()
}

// The library that people use gets what it asks for.
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
	start := time.Now()
	if _, _, err := ws.Read(ctx); err != nil {
		t.Fatal(err)
	}
	if err := ws.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Errorf("close handshake: %v after %v", err, time.Since(start))
	}
	r.gone(0)
}
