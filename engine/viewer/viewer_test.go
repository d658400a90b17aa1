package viewer

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// list is a list with these events.
func list(t *testing.T, events ...Event) *List {
	t.Helper()
	l := new(List)
	if err := l.Set(events); err != nil {
		t.Fatal(err)
	}
	return l
}

// ask sends one request to the handler.
func ask(t *testing.T, l *List, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler(l).ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	var r io.Reader = res.Body
	if res.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		r = z
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFiles(t *testing.T) {
	tests := []struct{ path, contentType, contains string }{
		{"/", "text/html; charset=utf-8", "<title>Pitwall</title>"},
		{"/index.html", "text/html; charset=utf-8", "<title>Pitwall</title>"},
		{"/app.js", "text/javascript; charset=utf-8", "window.pitwall"},
		{"/style.css", "text/css; charset=utf-8", "prefers-color-scheme: dark"},
		{"/icon.svg", "image/svg+xml", "<svg"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			res := ask(t, new(List), http.MethodGet, tt.path)
			if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != tt.contentType {
				t.Errorf("status %d, type %q", res.StatusCode, res.Header.Get("Content-Type"))
			}
			plain := body(t, res)
			if !strings.Contains(plain, tt.contains) {
				t.Errorf("no %q in it", tt.contains)
			}
			small := ask(t, new(List), http.MethodGet, tt.path, "Accept-Encoding", "gzip, deflate, br")
			if small.Header.Get("Content-Encoding") != "gzip" || body(t, small) != plain {
				t.Error("the compressed file is another")
			}
		})
	}
}

func TestCaching(t *testing.T) {
	for _, encoding := range []string{"identity", "gzip"} {
		t.Run(encoding, func(t *testing.T) {
			first := ask(t, new(List), http.MethodGet, "/app.js", "Accept-Encoding", encoding)
			etag := first.Header.Get("ETag")
			if etag == "" || first.Header.Get("Cache-Control") != "no-cache" || first.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("headers %v", first.Header)
			}
			again := ask(t, new(List), http.MethodGet, "/app.js", "Accept-Encoding", encoding, "If-None-Match", etag)
			if again.StatusCode != http.StatusNotModified || body(t, again) != "" {
				t.Errorf("asked again: %d", again.StatusCode)
			}
			if other := ask(t, new(List), http.MethodGet, "/style.css", "Accept-Encoding", encoding, "If-None-Match", etag); other.StatusCode != http.StatusOK {
				t.Errorf("another file under the same tag: %d", other.StatusCode)
			}
		})
	}
	plain := ask(t, new(List), http.MethodGet, "/app.js").Header.Get("ETag")
	small := ask(t, new(List), http.MethodGet, "/app.js", "Accept-Encoding", "gzip").Header.Get("ETag")
	if plain == small {
		t.Error("one tag for two encodings")
	}
}

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "br, gzip": true, "gzip;q=0.5": true, "gzip; q=0": false, "gzip;q=0.0, br": false, "xgzip": false, "gzip;q=x": false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", header)
		if got := acceptsGzip(r); got != want {
			t.Errorf("Accept-Encoding %q: %v", header, got)
		}
	}
}

func TestSecurityHeadersOnEveryAnswer(t *testing.T) {
	for _, path := range []string{"/", "/app.js", "/events.json", "/nothing"} {
		h := ask(t, new(List), http.MethodGet, path).Header
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'", "frame-ancestors 'self'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: no %s in %q", path, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || strings.Contains(csp, "http") {
			t.Errorf("%s: policy %q is open", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
}

func TestEmbeddersAreInThePolicy(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	Handler(new(List), "https://club.example", "https://*.b.example").ServeHTTP(w, r)
	if got, want := w.Header().Get("Content-Security-Policy"), policy+" https://club.example https://*.b.example"; got != want {
		t.Errorf("policy %q, want %q", got, want)
	}
}

func TestOtherRequests(t *testing.T) {
	tests := []struct {
		method, path string
		want         int
	}{
		{http.MethodHead, "/", 200}, {http.MethodHead, "/events.json", 200},
		{http.MethodPost, "/", 405}, {http.MethodDelete, "/events.json", 405},
		{http.MethodGet, "/nothing", 404}, {http.MethodGet, "/static/app.js", 404}, {http.MethodGet, "/doc.go", 404},
		{http.MethodGet, "/.git/config", 404},
	}
	for _, tt := range tests {
		if res := ask(t, new(List), tt.method, tt.path); res.StatusCode != tt.want {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, res.StatusCode, tt.want)
		} else if tt.want == 405 && res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s: Allow %q", tt.method, tt.path, res.Header.Get("Allow"))
		}
	}
}

func TestUnknownFilesAreRefused(t *testing.T) {
	if _, err := load(fstest.MapFS{"static/a.exe": {Data: []byte("x")}}, "static"); err == nil || !strings.Contains(err.Error(), "a.exe") {
		t.Errorf("error %v", err)
	}
	if _, err := load(fstest.MapFS{}, "static"); err == nil {
		t.Error("no error without a folder")
	}
}
