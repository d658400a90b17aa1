package front

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// paths are one of each kind that the public listener serves.
var paths = []string{"/", "/app.js", "/events.json", "/live", "/nothing"}

// sendGet sends a plain request with the headers given, "Name: value" each, and returns
// status and body. The word HTTP/1.0 among them sets the version.
func sendGet(t *testing.T, addr, path, host string, headers ...string) (int, string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(e2etest.Patience))
	version, rest := "HTTP/1.1", ""
	for _, h := range headers {
		if h == "HTTP/1.0" {
			version = h
			continue
		}
		rest += h + "\r\n"
	}
	fmt.Fprintf(c, "GET %s %s\r\nHost: %s\r\nConnection: close\r\n%s\r\n", path, version, host, rest)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// openStatus is the answer of a path to a request that passes the checks, without a
// credential. access is what /live answers to that.
func openStatus(path string, access int) int {
	return map[string]int{"/": 200, "/app.js": 200, "/events.json": 200, "/live": access, "/nothing": 404}[path]
}

func TestHostIsChecked(t *testing.T) {
	jwt := []string{"--auth-mode=jwt", "--jwt-secret=" + e2etest.JWTSecret}
	trusted := append([]string{"--trusted-proxies=127.0.0.1"}, jwt...)
	const forwarded = "X-Forwarded-For: 192.0.2.1"
	for _, c := range []struct {
		name, host, header string
		flags              []string
		ok                 bool
	}{
		{"an address", "127.0.0.1:8080", "", nil, true},
		{"localhost", "LOCALHOST:8080", "", nil, true},
		{"a name that was pointed here", "evil.example", "", nil, false},
		{"a name that was pointed here, with a port", "evil.example:8080", "", nil, false},
		{"a name that only begins like this machine's", "127.0.0.1.evil.example", "", nil, false},
		{"an address that is another's", "203.0.113.9", "", nil, false},
		{"another address of this machine", "127.0.0.2:8080", "", nil, false},
		{"a trusted proxy", "live.example", forwarded, trusted, true},
		{"the address of a trusted proxy, from which others connect as well", "evil.example", "", trusted, false},
		{"a proxy that is not trusted", "live.example", forwarded, append([]string{"--trusted-proxies=10.0.0.1"}, jwt...), false},
		{"a proxy that no setting names", "live.example", forwarded, jwt, false},
		{"a host that is allowed", "live.example", "", []string{"--allowed-origins=https://live.example"}, true},
		{"a host that is allowed, in a list with spaces", "live.example", "", []string{"--allowed-origins=other.example, Live.example"}, true},
		{"a host that is not among all origins", "live.example", "", []string{"--allowed-origins=*"}, false},
		{"open to everybody", "live.example", "", []string{"--auth-allow-anonymous"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := e2etest.Start(t, c.flags...)
			var headers []string
			if c.header != "" {
				headers = []string{c.header}
			}
			access := http.StatusBadRequest // no handshake
			if s.Config.AuthMode == "jwt" {
				access = http.StatusUnauthorized
			}
			for _, path := range paths {
				want := http.StatusForbidden
				if c.ok {
					want = openStatus(path, access)
				}
				if got, body := sendGet(t, s.HTTP, path, c.host, headers...); got != want || !c.ok && !strings.HasPrefix(body, "host: ") {
					t.Errorf("%s of %s: %d %.40q, want %d", path, c.host, got, body, want)
				}
			}
			s.WantMetric(t, `processor_live_refusals_total{reason="host"}`, map[bool]int{false: len(paths)}[c.ok])
		})
	}
}

// TestUnannouncedProxyIsRefused: where no access control is set up, every path refuses
// requests that come through a proxy.
func TestUnannouncedProxyIsRefused(t *testing.T) {
	closed, open := e2etest.Start(t), e2etest.Start(t, "--auth-allow-anonymous")
	marks := []string{"X-Forwarded-For: 192.0.2.1", "X-Forwarded-For:", "Forwarded: for=192.0.2.1", "Via: 1.1 proxy", "X-Real-IP: 192.0.2.1",
		"CF-Connecting-IP: 192.0.2.1", "True-Client-IP: 192.0.2.1", "X-Envoy-External-Address: 192.0.2.1", "x-original-uri: /", "HTTP/1.0"}
	for _, mark := range marks {
		for _, path := range paths {
			host := closed.HTTP // as nginx sends it by default
			if got, body := sendGet(t, closed.HTTP, path, host, mark); got != http.StatusUnauthorized || !strings.HasPrefix(body, "proxy: ") {
				t.Errorf("%s with %q: %d %.40q, want 401", path, mark, got, body)
			}
			if got, body := sendGet(t, open.HTTP, path, host, mark); got != openStatus(path, http.StatusBadRequest) {
				t.Errorf("%s with %q, open to everybody: %d %.40q", path, mark, got, body)
			}
		}
	}
	closed.WantMetric(t, `processor_live_refusals_total{reason="proxy"}`, len(marks)*len(paths))
	for mark, want := range map[string]int{"Accept: */*": 101, "X-Forwarded-Proto: https": 401} {
		name, value, _ := strings.Cut(mark, ": ")
		c, status, err := e2etest.Connect(closed.HTTP, "", http.Header{name: {value}}, nil)
		if err == nil {
			c.Close()
		}
		if status != want {
			t.Errorf("a handshake with %q: %d, want %d", mark, status, want)
		}
	}
}

// TestUntrustedProxyIsLogged: behind a proxy that is not trusted all clients have one
// address, and its limits stop them all. So the log says it.
func TestUntrustedProxyIsLogged(t *testing.T) {
	const atStart, atRequest = "HTTP_ADDR is a loopback address and TRUSTED_PROXIES is not set", "a proxy that is not in TRUSTED_PROXIES"
	for _, c := range []struct {
		name             string
		flags            []string
		start, onRequest bool
	}{
		{"open to everybody", []string{"--auth-allow-anonymous"}, true, true},
		{"tokens", []string{"--auth-mode=jwt", "--jwt-secret=" + e2etest.JWTSecret, "--allowed-origins=live.example"}, true, true},
		{"a proxy that is trusted", []string{"--auth-allow-anonymous", "--trusted-proxies=127.0.0.1"}, false, false},
		{"direct clients only", nil, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := e2etest.Start(t, c.flags...)
			log := s.Log
			if got := strings.Contains(log.String(), atStart); got != c.start {
				t.Errorf("logged at start: %v, want %v", got, c.start)
			}
			sendGet(t, s.HTTP, "/", "live.example")
			if strings.Contains(log.String(), atRequest) {
				t.Error("a proxy is logged for a request without its marks")
			}
			sendGet(t, s.HTTP, "/", "live.example", "X-Forwarded-For: 192.0.2.1")
			if got := strings.Contains(log.String(), atRequest); got != c.onRequest {
				t.Errorf("logged at a request: %v, want %v", got, c.onRequest)
			}
		})
	}
}

// TestOriginOverTLS: a page of the same host over plain HTTP is refused, and browsers are
// told to use TLS only.
func TestOriginOverTLS(t *testing.T) {
	dir := t.TempDir()
	client := clientOf(certificate(t, dir, 1))
	s := e2etest.Start(t, "--tls-cert-file="+dir+"/tls.crt", "--tls-key-file="+dir+"/tls.key", "--tls-hsts-seconds=3600")
	for origin, want := range map[string]int{"https://" + s.HTTP: 400, "http://" + s.HTTP: 403} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.HTTP+"/live", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("a page of %s: %d, want %d", origin, res.StatusCode, want)
		}
		if got := res.Header.Get("Strict-Transport-Security"); got != "max-age=3600" {
			t.Errorf("a page of %s: Strict-Transport-Security %q", origin, got)
		}
	}
	testenv.Eventually(t, e2etest.Patience, "no connection left", func() bool { return s.Metric(t, "processor_live_connections") == 0 })
}

// TestAnswersVaryByOrigin: no cache may give the answer for one origin to another.
func TestAnswersVaryByOrigin(t *testing.T) {
	s := e2etest.Start(t, "--allowed-origins=https://maps.example")
	for origin, want := range map[string]string{"": "", "https://maps.example": "https://maps.example", "http://maps.example": "", "https://evil.example": "", "null": ""} {
		for _, path := range paths {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.HTTP+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if origin != "" {
				req.Header.Set("Origin", origin)
			}
			res, err := e2etest.HTTP.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if !slices.Contains(res.Header.Values("Vary"), "Origin") {
				t.Errorf("%s from %q: Vary %q", path, origin, res.Header.Values("Vary"))
			}
			if got := res.Header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s from %q: allowed for %q, want %q", path, origin, got, want)
			}
		}
	}
}
