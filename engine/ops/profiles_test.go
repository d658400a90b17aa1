package ops

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// request sends a request with headers, "Name: value" each, and returns the status.
func request(t *testing.T, s *Server, method, path string, headers ...string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// A page can start a profile without being able to read the answer.
func TestOtherSitesAreRefused(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
		s := start(t, Options{Addr: addr, Profiles: true})
		for _, c := range []struct {
			name, header string
			want         int
		}{
			{"a scraper", "Accept: */*", 200},
			{"a typed address", "Sec-Fetch-Site: none", 200},
			{"its own page", "Sec-Fetch-Site: same-origin", 200},
			{"its own page, with Origin", "Origin: http://" + s.Addr(), 200},
			{"a page of another site", "Sec-Fetch-Site: cross-site", 403},
			{"a page on another port", "Sec-Fetch-Site: same-site", 403},
			{"a page on another port, with Origin", "Origin: http://127.0.0.1:1", 403},
			{"a page of another site, with Origin", "Origin: https://evil.example", 403},
			{"a page with an opaque origin", "Origin: null", 403},
			{"an unknown value", "Sec-Fetch-Site: elsewhere", 403},
		} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				for _, path := range []string{"/debug/pprof/heap?debug=1", "/debug/pprof/goroutine?debug=1", "/debug/pprof/symbol", "/metrics", "/readyz"} {
					if got := request(t, s, method, path, c.header); got != c.want {
						t.Errorf("%s: %s %s: %d, want %d", c.name, method, path, got, c.want)
					}
				}
			}
		}
	}
}

func TestProfilesAreBounded(t *testing.T) {
	s := start(t, Options{})
	for _, kind := range []string{"profile", "trace", "mutex", "block", "heap", "goroutine"} {
		for _, seconds := range []string{"301", "300.5", "1e9", "Inf", "NaN", "99999999999999999999", "0x1p60"} {
			if got := request(t, s, http.MethodGet, "/debug/pprof/"+kind+"?seconds="+url.QueryEscape(seconds)); got != http.StatusBadRequest {
				t.Errorf("%s for %s seconds: %d, want 400", kind, seconds, got)
			}
		}
	}
	for _, query := range []string{"trace?seconds=0.01", "heap?seconds=1", "heap?debug=1&seconds=", "goroutine?debug=1&seconds=x"} {
		// The profile decides about a value that is not a number.
		want := map[bool]int{true: http.StatusBadRequest, false: http.StatusOK}[strings.HasSuffix(query, "=x")]
		if got := request(t, s, http.MethodGet, "/debug/pprof/"+query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	// A value in a form counts as well.
	res, err := http.PostForm("http://"+s.Addr()+"/debug/pprof/trace?seconds=1", url.Values{"seconds": {"3600"}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("an hour by POST: %d, want 400", res.StatusCode)
	}
}
