package viewer

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// list is a source with fixed events.
type list []Event

func (l list) Events() []Event { return l }

// ask sends one request to the handler.
func ask(t *testing.T, src Source, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler(src).ServeHTTP(w, r)
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
			res := ask(t, list{}, http.MethodGet, tt.path)
			if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != tt.contentType {
				t.Errorf("status %d, type %q", res.StatusCode, res.Header.Get("Content-Type"))
			}
			plain := body(t, res)
			if !strings.Contains(plain, tt.contains) {
				t.Errorf("no %q in it", tt.contains)
			}
			small := ask(t, list{}, http.MethodGet, tt.path, "Accept-Encoding", "gzip, deflate, br")
			if small.Header.Get("Content-Encoding") != "gzip" || body(t, small) != plain {
				t.Error("the compressed file is another")
			}
		})
	}
}

func TestCaching(t *testing.T) {
	for _, encoding := range []string{"identity", "gzip"} {
		t.Run(encoding, func(t *testing.T) {
			first := ask(t, list{}, http.MethodGet, "/app.js", "Accept-Encoding", encoding)
			etag := first.Header.Get("ETag")
			if etag == "" || first.Header.Get("Cache-Control") != "no-cache" || first.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("headers %v", first.Header)
			}
			again := ask(t, list{}, http.MethodGet, "/app.js", "Accept-Encoding", encoding, "If-None-Match", etag)
			if again.StatusCode != http.StatusNotModified || body(t, again) != "" {
				t.Errorf("asked again: %d", again.StatusCode)
			}
			if other := ask(t, list{}, http.MethodGet, "/style.css", "Accept-Encoding", encoding, "If-None-Match", etag); other.StatusCode != http.StatusOK {
				t.Errorf("another file under the same tag: %d", other.StatusCode)
			}
		})
	}
	plain := ask(t, list{}, http.MethodGet, "/app.js").Header.Get("ETag")
	small := ask(t, list{}, http.MethodGet, "/app.js", "Accept-Encoding", "gzip").Header.Get("ETag")
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
		h := ask(t, list{}, http.MethodGet, path).Header
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
		if res := ask(t, list{}, tt.method, tt.path); res.StatusCode != tt.want {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, res.StatusCode, tt.want)
		} else if tt.want == 405 && res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s: Allow %q", tt.method, tt.path, res.Header.Get("Allow"))
		}
	}
}

func TestEvents(t *testing.T) {
	tests := []struct {
		name string
		src  list
		want string
	}{
		{"none", nil, "[]\n"},
		{"two", list{{"demo", 200}, {`a "quoted" <b>`, 0}}, `[{"id":"demo","devices":200},{"id":"a \"quoted\" \u003cb\u003e","devices":0}]` + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := ask(t, tt.src, http.MethodGet, "/events.json")
			got := body(t, res)
			if got != tt.want || !json.Valid([]byte(got)) {
				t.Errorf("got %s want %s", got, tt.want)
			}
			if h := res.Header; h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" {
				t.Errorf("headers %v", h)
			}
		})
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
