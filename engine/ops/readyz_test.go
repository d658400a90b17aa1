package ops

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/health"
)

// twoParts returns a part without a fault and one with a fault.
func twoParts() []health.Status {
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	return []health.Status{
		{Part: "redis", State: health.OK, Since: at},
		{Part: "archive t", State: health.Failed, Since: at.Add(time.Minute), Reason: "no\nrights\tat all \u009b\u202e"},
	}
}

func TestReadinessWithDetails(t *testing.T) {
	const (
		short = `{"ready":false,"reason":"why"}` + "\n"
		text  = "not ready: why\n" +
			"ok      redis      since 2026-05-01T10:00:00Z  \n" +
			"failed  archive t  since 2026-05-01T10:01:00Z  no rights at all \\u009b\\u202e\n"
		long = `{"ready":false,"reason":"why","parts":[` +
			`{"part":"redis","state":"ok","since":"2026-05-01T10:00:00Z"},` +
			`{"part":"archive t","state":"failed","since":"2026-05-01T10:01:00Z","reason":"no\nrights\tat all \u009b\u202e"}]}` + "\n"
		unauthorized = "unauthorized\n"
	)
	for _, c := range []struct {
		name, path, accept, token, sent string
		status                          int
		want                            string
	}{
		{"no details", "/readyz", "", "", "", 503, short},
		{"a browser", "/readyz", "text/html,*/*;q=0.8", "", "", 503, short},
		{"text", "/readyz?verbose", "", "", "", 503, text},
		{"JSON by query", "/readyz?format=json", "", "", "", 503, long},
		{"JSON by query, with verbose", "/readyz?verbose&format=json", "", "", "", 503, long},
		{"JSON accepted", "/readyz", "text/html, application/json; q=0.9", "", "", 503, long},
		{"JSON accepted, with verbose", "/readyz?verbose=1", "application/json", "", "", 503, long},
		{"text by query, JSON accepted", "/readyz?format=text", "application/json", "", "", 503, text},
		{"no details, with a token set", "/readyz", "", "hush", "", 503, short},
		{"JSON accepted without the token", "/readyz", "application/json", "hush", "", 503, short},
		{"JSON accepted with the token", "/readyz", "application/json", "hush", "Bearer hush", 503, long},
		{"text without the token", "/readyz?verbose", "", "hush", "Bearer hus", 401, unauthorized},
		{"JSON without the token", "/readyz?format=json", "", "hush", "", 401, unauthorized},
		{"text with the token", "/readyz?verbose", "", "hush", "Bearer hush", 503, text},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, Options{Token: c.token, Parts: twoParts, Ready: func() (bool, string) { return false, "why" }})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr()+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Accept", c.accept)
			req.Header.Set("Authorization", c.sent)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != c.status || string(body) != c.want {
				t.Errorf("%d\n%swant %d\n%s", res.StatusCode, body, c.status, c.want)
			}
		})
	}
	s := start(t, Options{Parts: twoParts})
	if status, kind, body := get(t, s, "/readyz?verbose", ""); status != 200 || !strings.HasPrefix(body, "ready\nok ") || kind != "text/plain; charset=utf-8" {
		t.Errorf("%d %s %q", status, kind, body)
	}
}
