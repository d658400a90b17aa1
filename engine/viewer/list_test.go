package viewer

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
)

func TestEvents(t *testing.T) {
	tests := []struct {
		name string
		list *List
		want string
	}{
		{"nothing set", new(List), "[]\n"},
		{"none", list(t), "[]\n"},
		{"two", list(t, Event{"demo", 200}, Event{`a "quoted" <b>`, 0}), `[{"id":"demo","devices":200},{"id":"a \"quoted\" \u003cb\u003e","devices":0}]` + "\n"},
	}
	for _, tt := range tests {
		for _, encoding := range []string{"identity", "gzip"} {
			t.Run(tt.name+", "+encoding, func(t *testing.T) {
				res := ask(t, tt.list, http.MethodGet, "/events.json", "Accept-Encoding", encoding)
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
}

func TestEventsChange(t *testing.T) {
	l := list(t, Event{"a", 1})
	for _, want := range []string{"a", "b"} {
		if err := l.Set([]Event{{want, 1}}); err != nil {
			t.Fatal(err)
		}
		if got := body(t, ask(t, l, http.MethodGet, "/events.json")); got != `[{"id":"`+want+`","devices":1}]`+"\n" {
			t.Errorf("got %s", got)
		}
	}
	if err := l.Set(nil); err != nil {
		t.Fatal(err)
	}
	if got := body(t, ask(t, l, http.MethodGet, "/events.json")); got != "[]\n" {
		t.Errorf("got %s after the last event has gone", got)
	}
}

// TestManyEventsAreMarshalledOnce: a request copies the answer to its socket
// and makes nothing of the size of the list.
func TestManyEventsAreMarshalledOnce(t *testing.T) {
	var events []Event
	for i := range 10_000 {
		events = append(events, Event{fmt.Sprintf("event-%04d-%040d", i, i), i})
	}
	many, none := Handler(list(t, events...)), Handler(list(t))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/events.json", nil)
	cost := func(h http.Handler) uint64 {
		const times = 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range times {
			h.ServeHTTP(&sink{header: http.Header{}}, r)
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / times
	}
	const copying = 64 << 10 // io.Copy's buffer, which a connection does without
	if m, n := cost(many), cost(none); m > n+copying {
		t.Errorf("a request for 10,000 events allocates %d bytes, for none %d", m, n)
	}
}

// sink takes an answer and keeps nothing.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(int)             {}
