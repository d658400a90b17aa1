package ops

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

func getWithToken(t *testing.T, s *Server, path, token string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// /top is bounded as /status is. Where everybody who reaches the listener may read it, it
// does not tell who somebody is.
func TestTop(t *testing.T) {
	for name, c := range map[string]struct {
		addr, token string
		persons     bool
	}{
		"on loopback":            {"127.0.0.1:0", "", true},
		"elsewhere with a token": {"0.0.0.0:0", "0123456789abcdef", true},
		"elsewhere without":      {"0.0.0.0:0", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			s := start(t, Options{Addr: c.addr, Token: c.token, Parts: twoParts, Top: func(context.Context) Ranking {
				asked.Add(1)
				return Ranking{
					Slowest: []Connection{{ID: 7, User: "ada", Address: "192.0.2.1", QueuedBytes: 9, OldestMS: 8, Lagged: 3}},
					Orphans: []Orphan{{Device: "lost", Place: &Place{1, 2}}},
				}
			}})
			for range 20 {
				status, body := getWithToken(t, s, "/top", c.token)
				if status != http.StatusOK || !strings.Contains(body, `"queuedBytes":9,"oldestMs":8,"lagged":3`) ||
					!strings.Contains(body, `{"device":"lost","place":{"lat":1,"lon":2}}`) || !strings.Contains(body, `"part":"archive t"`) {
					t.Fatalf("%d %s", status, body)
				}
				if strings.Contains(body, "ada") != c.persons || strings.Contains(body, "192.0.2.1") != c.persons {
					t.Errorf("persons are told: %s", body)
				}
			}
			if n := asked.Load(); n > 5 {
				t.Errorf("the engine was asked %d times by 20 requests", n)
			}
		})
	}
}
