package front

import (
	"net/http"
	"slices"
	"sync"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// TestEventsOfARunningEngineFollowMapAndAccess: changes of the events and changes of
// access both reach the list of events.
func TestEventsOfARunningEngineFollowMapAndAccess(t *testing.T) {
	p := e2etest.EmbeddedBackends(t)
	s := p.Start(t, "--authz-mode=public", "--auth-refresh-ms=50")
	shows := func(what, want string) {
		t.Helper()
		testenv.Eventually(t, e2etest.Patience, what, func() bool {
			_, got, err := e2etest.Fetch(http.MethodGet, "http://"+s.HTTP+"/events.json")
			if err != nil {
				t.Fatal(err)
			}
			return got == want+"\n"
		})
	}
	change := func(statement string) {
		t.Helper()
		if _, err := p.DB.ExecContext(t.Context(), statement); err != nil {
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

// TestEveryPathIsLimitedByAddress requests each path so often at once that some requests
// would wait too long for their turn.
func TestEveryPathIsLimitedByAddress(t *testing.T) {
	s := e2etest.Start(t, "--http-rate-per-address=1")
	for _, path := range []string{"/", "/app.js", "/events.json", "/nothing"} {
		const atOnce = 40 // more than a burst of 5 and the turns of 5 s
		statuses := make([]int, atOnce)
		var all sync.WaitGroup
		for i := range statuses {
			all.Go(func() {
				status, _, err := e2etest.Fetch(http.MethodGet, "http://"+s.HTTP+path)
				if err != nil {
					t.Error(err)
				}
				statuses[i] = status
			})
		}
		all.Wait()
		if !slices.Contains(statuses, http.StatusTooManyRequests) {
			t.Errorf("%d requests at once for %s: none is answered 429", atOnce, path)
		}
	}
	// /live has limits of its own.
	c, status, err := e2etest.Connect(s.HTTP, "", nil, nil)
	if err != nil {
		t.Fatalf("status %d, %v", status, err)
	}
	c.Close()
}
