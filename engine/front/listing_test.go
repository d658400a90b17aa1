package front

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"pitwall/engine/viewer"
	"pitwall/shard"
)

// countingLister allows the published events and counts the calls.
type countingLister struct {
	mu     sync.Mutex
	public map[string]bool
	calls  int
}

func (p *countingLister) MayList(event string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	return p.public[event]
}

func (p *countingLister) publish(event string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.public[event] = true
}

// The cost of a request depends neither on the number of events nor on how many of
// them are public.
func TestRequestsDoNotMakeTheListing(t *testing.T) {
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
	l := NewListing(core, slog.New(slog.DiscardHandler))
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
	shows("[]") // not enabled yet
	p := &countingLister{public: map[string]bool{}}
	l.Enable(p)
	before := p.calls
	for range 100 {
		shows("[]")
	}
	if p.calls != before {
		t.Errorf("100 requests called the lister %d times", p.calls-before)
	}
	p.publish("e007")
	l.Rebuild()
	shows(`[{"id":"e007","devices":0}]`)
	roster.Pairs = []shard.Pair{{Device: "d", Event: "e007"}}
	swap()
	shows(`[{"id":"e007","devices":1}]`)
	roster = shard.Roster{}
	swap()
	shows("[]")
}
