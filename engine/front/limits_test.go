package front

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/origin"
	"pitwall/engine/live"
	"pitwall/shard"
)

// at is the address of the listener in these tests.
var at = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}

// listener returns the handler of a Server that does not listen.
func listener(t *testing.T, o Options, limits live.Limits) http.Handler {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	core, err := shard.New(shard.Config{Shards: 1, Writers: 1, Window: time.Millisecond, FutureTolerance: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if o.Live, err = live.New(live.Options{
		Core: core, Writers: 1, Access: anonymous{}, Logger: log, Metrics: metrics.NewSet(), Origins: o.Origins,
		Bounds:          live.Bounds{MaxConnections: 10, MaxSubscriptions: 1, RequestRate: 1, RequestBurst: 1, Limits: limits},
		MaxMessageBytes: 4096, Heartbeat: time.Hour, WriteTimeout: time.Hour,
	}); err != nil {
		t.Fatal(err)
	}
	o.Listing, o.Logger = NewListing(core, log), log
	s := &Server{opts: o}
	return s.handler(at)
}

func request(h http.Handler, r *http.Request) (status int, text string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Body) // of memory
	return w.Code, string(body)
}

// Refusals and answers to preflights count as requests.
func TestEveryAnswerCountsForTheLimit(t *testing.T) {
	allowed, err := origin.ParseList([]string{"https://maps.example"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, method, path, host string
		headers                  []string
		want                     int
	}{
		{"the page", "GET", "/", "127.0.0.1:8080", nil, 200},
		{"a missing file", "GET", "/nothing", "127.0.0.1:8080", nil, 404},
		{"a foreign host", "GET", "/events.json", "evil.example", nil, 403},
		{"a foreign host, of a handshake", "GET", "/live", "evil.example", []string{"Upgrade", "websocket"}, 403},
		{"a proxy, of a handshake", "GET", "/live", "127.0.0.1:8080", []string{"Upgrade", "websocket", "Via", "1.1 x"}, 401},
		{"a preflight", "OPTIONS", "/events.json", "127.0.0.1:8080", []string{"Origin", "https://maps.example", "Access-Control-Request-Method", "GET"}, 204},
		{"a preflight of a handshake", "OPTIONS", "/live", "127.0.0.1:8080", []string{"Origin", "https://maps.example", "Access-Control-Request-Method", "GET"}, 204},
		{"another method", "POST", "/live", "127.0.0.1:8080", nil, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := listener(t, Options{Origins: allowed}, live.Limits{Pending: 1, Requests: live.AddressLimit{Most: 1}})
			for n := range 6 {
				r := httptest.NewRequest(c.method, c.path, nil)
				r.Host, r.RemoteAddr = c.host, "127.0.0.1:5"
				for i := 0; i < len(c.headers); i += 2 {
					r.Header.Set(c.headers[i], c.headers[i+1])
				}
				want := c.want
				if n == 5 {
					ctx, cancel := context.WithCancel(t.Context())
					cancel() // a client that has left does not wait
					r, want = r.WithContext(ctx), http.StatusTooManyRequests
				}
				if status, text := request(h, r); status != want {
					t.Fatalf("request %d: %d %q, want %d", n, status, text, want)
				}
			}
		})
	}
}

// A page whose name resolves to this machine cannot imitate a trusted proxy with a
// header.
func TestPageCannotImitateAProxy(t *testing.T) {
	h := listener(t, Options{SignIn: true, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}, live.Limits{})
	for _, c := range []struct {
		name, host, forwarded, peer string
		want                        int
	}{
		{"through the proxy", "live.example", "192.0.2.1", "127.0.0.1:5", 200},
		{"through the proxy, with its port", "live.example:8443", "192.0.2.1", "127.0.0.1:5", 200},
		{"a page with DNS rebinding", "evil.example:8080", "192.0.2.1", "127.0.0.1:5", 403},
		{"the same without the header", "evil.example:8080", "", "127.0.0.1:5", 403},
		{"a proxy without X-Forwarded-For", "live.example", "", "127.0.0.1:5", 403},
		{"not from the proxy", "live.example", "192.0.2.1", "127.0.0.2:5", 403},
		{"an address from a PROXY header", "live.example:8080", "", "192.0.2.1:5", 200},
		{"our own name", "127.0.0.1:8080", "192.0.2.1", "127.0.0.1:5", 200},
	} {
		r := httptest.NewRequest("GET", "/events.json", nil)
		r.Host, r.RemoteAddr = c.host, c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if status, text := request(h, r); status != c.want {
			t.Errorf("%s: %d %q, want %d", c.name, status, text, c.want)
		}
	}
}

// anonymous lets everybody watch every event.
type anonymous struct{}

func (anonymous) Authenticate(*http.Request) (who any, status int) { return nil, 0 }

func (anonymous) Decide(any, string) (allowed bool, key string, err error) { return true, "", nil }

func (anonymous) Ask(context.Context, any, string, bool) (allowed bool, err error) { return true, nil }

func (anonymous) AllPublic() bool { return true }
