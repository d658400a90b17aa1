package ops

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/health"
)

// start runs a server until the test ends, on a free port unless the options name
// one.
func start(t *testing.T, o Options) *Server {
	t.Helper()
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Set == nil {
		o.Set = metrics.NewSet()
	}
	if o.Ready == nil {
		o.Ready = func() (bool, string) { return true, "" }
	}
	if o.Parts == nil {
		o.Parts = func() []health.Status { return nil }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, wg := serve(t, o)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		wg.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

// serve runs a server. The caller shuts it down and then waits for it.
func serve(t *testing.T, o Options) (*Server, *sync.WaitGroup) {
	t.Helper()
	s := New(o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	wg := new(sync.WaitGroup)
	wg.Go(func() {
		if err := s.Serve(); err != nil {
			t.Error(err)
		}
	})
	return s, wg
}

func get(t *testing.T, s *Server, path, host string) (status int, contentType, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Content-Type"), string(b)
}

func TestMetrics(t *testing.T) {
	set := metrics.NewSet()
	set.NewCounter(`processor_live_decode_errors_total{reason="json"}`).Add(3)
	other := metrics.NewSet()
	other.NewCounter("of_another_engine_total").Inc()
	parts := func() []health.Status { return []health.Status{{Part: "redis", State: health.Degraded}} }
	s := start(t, Options{Set: set, Parts: parts, Extra: func(w io.Writer) {
		fmt.Fprintln(w, "processor_live_records_total 42")
	}})
	status, contentType, body := get(t, s, "/metrics", "")
	if status != http.StatusOK || contentType != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("status %d, type %s", status, contentType)
	}
	for _, line := range []string{
		`processor_live_decode_errors_total{reason="json"} 3`, "processor_live_records_total 42", "process_resident_memory_bytes ", "go_goroutines ",
		"process_open_fds ", "process_max_fds ", "processor_ready 1", `processor_build_info{version="`,
		`processor_part_state{part="redis",state="ok"} 0`, `processor_part_state{part="redis",state="degraded"} 1`, `processor_part_state{part="redis",state="failed"} 0`,
		"# HELP processor_live_records_total Records read.", "# TYPE processor_live_records_total counter",
	} {
		if !strings.Contains("\n"+body, "\n"+line) {
			t.Errorf("no line %q in\n%s", line, body)
		}
	}
	if strings.Contains(body, "of_another_engine_total") {
		t.Error("metrics of another set are shown")
	}
	for i, line := range strings.Split(strings.TrimSuffix(body, "\n"), "\n") {
		if strings.HasPrefix(line, "# HELP ") || strings.HasPrefix(line, "# TYPE ") {
			continue
		}
		if name, value, ok := strings.Cut(line, " "); !ok || name == "" || value == "" {
			t.Errorf("line %d is not a metric: %q", i+1, line)
		}
	}
}

func TestReadyFollowsTheEngine(t *testing.T) {
	var reason atomic.Value
	reason.Store("loading the map")
	s := start(t, Options{Ready: func() (bool, string) {
		r := reason.Load().(string)
		return r == "ok", r
	}})
	steps := []struct {
		name, reason string
		status       int
		body         string
	}{
		{"starting", "loading the map", 503, `{"ready":false,"reason":"loading the map"}`},
		{"up", "ok", 200, `{"ready":true,"reason":"ok"}`},
		{"draining", `shutting "down"`, 503, `{"ready":false,"reason":"shutting \"down\""}`},
		{"no reason given", "", 503, `{"ready":false,"reason":"not ready"}`},
	}
	for _, step := range steps {
		reason.Store(step.reason)
		status, contentType, body := get(t, s, "/readyz", "")
		if status != step.status || body != step.body+"\n" || contentType != "application/json" {
			t.Errorf("%s: %d %s %q, want %d %q", step.name, status, contentType, body, step.status, step.body)
		}
		if status, _, body := get(t, s, "/healthz", ""); status != 200 || body != `{"status":"ok"}`+"\n" {
			t.Errorf("%s: health %d %q", step.name, status, body)
		}
	}
}

func TestProfiles(t *testing.T) {
	s := start(t, Options{})
	tests := []struct{ path, contains string }{
		{"/", "/debug/pprof/"},
		{"/debug/pprof/", "goroutine"},
		{"/debug/pprof/goroutine?debug=1", "goroutine profile:"},
		{"/debug/pprof/heap?debug=1", "heap profile:"},
		{"/debug/pprof/symbol", "num_symbols"},
	}
	for _, tt := range tests {
		if status, _, body := get(t, s, tt.path, ""); status != 200 || !strings.Contains(body, tt.contains) {
			t.Errorf("%s: %d, no %q in %.100q", tt.path, status, tt.contains, body)
		}
	}
	if _, _, body := get(t, s, "/debug/pprof/cmdline", ""); body != filepath.Base(os.Args[0]) {
		t.Errorf("command line: %q, want the program's name only", body)
	}
	if status, _, _ := get(t, s, "/nothing", ""); status != 404 {
		t.Errorf("/nothing: %d", status)
	}
}

func TestForeignHostsAreRefusedOnLoopback(t *testing.T) {
	tests := []struct {
		name, addr string
		want       int
	}{
		{"loopback", "127.0.0.1:0", http.StatusForbidden},
		{"every address", "0.0.0.0:0", http.StatusOK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, Options{Addr: tt.addr, Profiles: true})
			for _, path := range []string{"/metrics", "/readyz", "/debug/pprof/"} {
				if status, _, _ := get(t, s, path, "evil.example"); status != tt.want {
					t.Errorf("%s at evil.example: %d, want %d", path, status, tt.want)
				}
				if status, _, _ := get(t, s, path, "203.0.113.9"); status != tt.want {
					t.Errorf("%s at another address: %d, want %d", path, status, tt.want)
				}
				if status, _, _ := get(t, s, path, "localhost"); status != http.StatusOK {
					t.Errorf("%s at localhost: %d", path, status)
				}
			}
		})
	}
}

// Private paths require the token, and profiles are off where other machines can
// connect.
func TestTokenAndProfiles(t *testing.T) {
	for _, c := range []struct {
		name, path string
		o          Options
		token      string
		want       int
	}{
		{"health without", "/healthz", Options{Token: "hush"}, "", 200},
		{"readiness without", "/readyz", Options{Token: "hush"}, "", 200},
		{"metrics without", "/metrics", Options{Token: "hush"}, "", 401},
		{"profiles without", "/debug/pprof/", Options{Token: "hush"}, "", 401},
		{"an unknown path, without", "/x", Options{Token: "hush"}, "", 401},
		{"a wrong one", "/metrics", Options{Token: "hush"}, "Bearer hus", 401},
		{"no bearer", "/metrics", Options{Token: "hush"}, "hush", 401},
		{"the right one", "/metrics", Options{Token: "hush"}, "Bearer hush", 200},
		{"profiles on every address", "/debug/pprof/", Options{Addr: "0.0.0.0:0"}, "", 404},
		{"a heap on every address", "/debug/pprof/heap", Options{Addr: "0.0.0.0:0"}, "", 404},
		{"profiles that are enabled", "/debug/pprof/", Options{Addr: "0.0.0.0:0", Profiles: true}, "", 200},
		{"metrics on every address", "/metrics", Options{Addr: "0.0.0.0:0"}, "", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, c.o)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr()+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.token != "" {
				req.Header.Set("Authorization", c.token)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != c.want {
				t.Errorf("%s with %q: %d, want %d", c.path, c.token, res.StatusCode, c.want)
			}
		})
	}
}

// Metrics that everybody can read are allowed, but must not be a mistake.
func TestOpenListenerIsLogged(t *testing.T) {
	for _, c := range []struct {
		addr, token string
		want        bool
	}{{"0.0.0.0:0", "", true}, {"[::]:0", "", true}, {"0.0.0.0:0", "hush", false}, {"127.0.0.1:0", "", false}} {
		var out bytes.Buffer
		start(t, Options{Addr: c.addr, Token: c.token, Logger: slog.New(slog.NewTextHandler(&out, nil))})
		if got := strings.Contains(out.String(), "level=WARN") && strings.Contains(out.String(), "OPS_TOKEN"); got != c.want {
			t.Errorf("%s with token %q: warned %v, want %v: %s", c.addr, c.token, got, c.want, out.String())
		}
	}
}

func TestListenErrorNamesTheSetting(t *testing.T) {
	s := start(t, Options{})
	again := New(Options{Addr: s.Addr(), Set: metrics.NewSet(), Logger: slog.New(slog.DiscardHandler)})
	err := again.Listen()
	if err == nil || !strings.Contains(err.Error(), "OPS_ADDR") {
		t.Errorf("error %v does not name OPS_ADDR", err)
	}
	if again.Addr() != "" {
		t.Errorf("address %q of a server that does not listen", again.Addr())
	}
	if err := again.Serve(); err == nil {
		t.Error("Serve without a listener")
	}
	if err := again.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown without Listen: %v", err)
	}
}

func TestTimeoutsOfTheServer(t *testing.T) {
	s := New(Options{Set: metrics.NewSet(), Logger: slog.New(slog.DiscardHandler)})
	if s.http.ReadHeaderTimeout == 0 || s.http.IdleTimeout == 0 || s.http.MaxHeaderBytes == 0 {
		t.Error("a client can keep a connection for ever")
	}
	if s.http.WriteTimeout != 0 {
		t.Error("a write time-out would end profiles")
	}
	if s.o.Addr != DefaultAddr {
		t.Errorf("address %q", s.o.Addr)
	}
	s.http.ErrorLog.Print("this line goes to the logger")
}

func TestServerErrorsGoToTheLogger(t *testing.T) {
	var out bytes.Buffer
	s := New(Options{Set: metrics.NewSet(), Logger: slog.New(slog.NewTextHandler(&out, nil))})
	s.http.ErrorLog.Print("http: panic serving")
	if !strings.Contains(out.String(), "panic serving") {
		t.Errorf("logged %q", out.String())
	}
}
