package engine

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"pitwall/engine/access"
	"pitwall/engine/internal/testenv"
	"pitwall/engine/viewer"
	"pitwall/shard"
)

// countingGate names events with a word to strangers, and counts how often it
// is asked.
type countingGate struct {
	access.Anonymous
	mu     sync.Mutex
	public map[string]bool
	asked  int
}

func (g *countingGate) MayList(event string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	return g.public[event]
}

func (g *countingGate) publish(event string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.public[event] = true
}

// TestListingIsMadeOffTheRequests: what a request costs does not depend on how
// many events there are, nor on how many of them are public.
func TestListingIsMadeOffTheRequests(t *testing.T) {
	core, err := shard.New(shard.Config{Shards: 1, Writers: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var own sync.WaitGroup
	own.Go(func() { _ = core.Run(ctx) })
	t.Cleanup(func() { cancel(); own.Wait() })

	var roster shard.Roster
	for i := range 1000 {
		roster.Events = append(roster.Events, fmt.Sprintf("e%03d", i))
	}
	l := &listing{core: core, log: slog.New(slog.DiscardHandler)}
	page := viewer.Handler(&l.list)
	shows := func(want string) {
		t.Helper()
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/events.json", nil))
		if got := w.Body.String(); got != want+"\n" {
			t.Errorf("got %.200s, want %s", got, want)
		}
	}
	swap := func() {
		t.Helper()
		if err := l.Swap(ctx, roster); err != nil {
			t.Fatal(err)
		}
	}
	swap()
	shows("[]") // the gate is not open yet
	g := &countingGate{public: map[string]bool{}}
	l.open(g)
	before := g.asked
	for range 100 {
		shows("[]")
	}
	if g.asked != before {
		t.Errorf("the gate was asked %d times by 100 requests", g.asked-before)
	}
	g.publish("e007")
	l.renew()
	shows(`[{"id":"e007","devices":0}]`)
	roster.Pairs = []shard.Pair{{Device: "d", Event: "e007"}}
	swap()
	shows(`[{"id":"e007","devices":1}]`)
	roster = shard.Roster{}
	swap()
	shows("[]")
}

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
