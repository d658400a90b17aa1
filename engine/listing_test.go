package engine

import (
	"io"
	"net/http"
	"testing"

	"pitwall/engine/internal/testenv"
)

// TestEventsOfARunningEngineFollowMapAndAccess sees that both changes reach
// the page.
func TestEventsOfARunningEngineFollowMapAndAccess(t *testing.T) {
	p := embeddedParts(t)
	s := runningOn(t, p, "--authz-mode=public", "--auth-refresh-ms=50")
	shows := func(what, want string) {
		t.Helper()
		testenv.Eventually(t, patience, what, func() bool {
			res, err := httpClient.Get("http://" + s.engine.HTTPAddr() + "/events.json")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			got, err := io.ReadAll(res.Body)
			return err == nil && string(got) == want+"\n"
		})
	}
	change := func(statement string) {
		t.Helper()
		if _, err := p.db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	shows("no event", "[]")
	change("INSERT INTO events VALUES ('a'), ('b')")
	change("INSERT INTO pitwall_events (event_id, public) VALUES ('b', true)")
	shows("the public event", `[{"id":"b","devices":0}]`)
	change("UPDATE pitwall_events SET public = false")
	shows("that it is public no more", "[]")
	change("UPDATE pitwall_events SET public = true")
	shows("that it is public again", `[{"id":"b","devices":0}]`)
	change("DELETE FROM events WHERE id = 'b'")
	shows("that it has gone", "[]")
}

// TestEveryPathIsLimitedByAddress asks for each path until it is one request
// too many.
func TestEveryPathIsLimitedByAddress(t *testing.T) {
	s := running(t, "--http-rate-per-address=1")
	for _, path := range []string{"/", "/app.js", "/events.json", "/nothing"} {
		testenv.Eventually(t, patience, "429 for "+path, func() bool {
			res, err := httpClient.Get("http://" + s.engine.HTTPAddr() + path)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			return res.StatusCode == http.StatusTooManyRequests
		})
	}
	// /live has limits of its own.
	c, status, err := dial(s.engine.HTTPAddr(), "x", "", http.Header{})
	if err != nil {
		t.Fatalf("status %d, %v", status, err)
	}
	c.end()
}
