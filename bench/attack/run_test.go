package attack

import (
	"bytes"
	"compress/flate"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// testLimit is the longest wait of a test.
const testLimit = 20 * time.Second

// attack runs kinds against a server until done is true for a status, stops them,
// and returns the last status.
func attack(t *testing.T, addr string, load map[string]float64, done func(Status) bool) Status {
	t.Helper()
	tokens, err := NewTokens()
	if err != nil {
		t.Fatal(err)
	}
	orders, statuses, ended := make(chan Order, 2), make(chan Status, 100), make(chan error, 1)
	go func() {
		ended <- Run(Config{Addr: addr, Path: "/live", Sources: []string{"127.0.0.7", "127.0.0.8"}, Good: tokens.Good, Wrong: tokens.Wrong, Event: "e", Load: load},
			orders, func(p Status) error { statuses <- p; return nil })
	}()
	orders <- Order{Kinds: slices.Collect(maps.Keys(load))}
	limit := time.After(testLimit)
	var last Status
	for resting := false; !last.Resting || !resting; {
		select {
		case last = <-statuses:
		case <-limit:
			t.Fatalf("after %v the last status is %+v", testLimit, last)
		}
		if !resting && done(last) {
			resting = true
			orders <- Order{}
			last.Resting = false
		}
	}
	close(orders)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return last
}

// TestServerThatLetsEverybodyIn: a server that accepts wrong tokens is detected.
func TestServerThatLetsEverybodyIn(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		_ = c.Close()
	}))
	defer s.Close()
	p := attack(t, s.Listener.Addr().String(), map[string]float64{"tokens": 1000}, func(p Status) bool { return p.Answers["tokens"][LetIn] > 0 })
	if p.Made["tokens"] == 0 {
		t.Errorf("%+v, want attacks that were made", p)
	}
}

// TestAnswersAreCounted: a server refuses in several ways, and each is counted.
func TestAnswersAreCounted(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("Authorization"), "not-a-token") {
			http.Error(w, "upgrade_rate: too many", http.StatusTooManyRequests)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer s.Close()
	p := attack(t, s.Listener.Addr().String(), map[string]float64{"tokens": 1000, "halfopen": 10}, func(p Status) bool {
		return p.Answers["tokens"]["401"] > 0 && p.Answers["tokens"]["429 upgrade_rate"] > 0 && p.Made["halfopen"] >= 10
	})
	if p.Made["halfopen"] != 10 || len(p.Answers["halfopen"]) > 0 {
		t.Errorf("halfopen: %d made, %v; want 10 that are held", p.Made["halfopen"], p.Answers["halfopen"])
	}
}

// TestServerThatCloses: connections that the server closes are opened again.
func TestServerThatCloses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	p := attack(t, l.Addr().String(), map[string]float64{"halfopen": 2, "slow": 2}, func(p Status) bool {
		return p.Made["halfopen"] > 2 && p.Made["slow"] > 2
	})
	if p.Answers["halfopen"]["closed"] == 0 {
		t.Errorf("%v, want connections that were closed", p.Answers)
	}
	_ = l.Close()
	<-done
}

func TestAttackers(t *testing.T) {
	for _, c := range []struct {
		kind  Kind
		load  float64
		n     int
		every time.Duration
	}{
		{Kind{Held: true}, 3, 3, time.Second},
		{Kind{most: 10, burst: 1}, 0, 0, 0},
		{Kind{most: 10, burst: 1}, 4, 4, time.Second},
		{Kind{most: 10, burst: 2}, 200, 10, 100 * time.Millisecond},
		{Kind{most: 10, burst: 16}, 8, 1, 2 * time.Second},
		{Kind{burst: 1, stay: 10 * time.Second}, 25, 250, 10 * time.Second},
		{Kind{Held: true, pace: time.Minute}, 3, 3, time.Minute},
	} {
		if n, every := c.kind.attackers(c.load); n != c.n || every != c.every {
			t.Errorf("a load of %v: %d attackers at an interval of %v, want %d and %v", c.load, n, every, c.n, c.every)
		}
	}
}

func TestBomb(t *testing.T) {
	b := bomb()
	if len(b) > 4096 {
		t.Errorf("%d bytes, want at most 4096", len(b))
	}
	text, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(b[8:]), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
	if err != nil || len(text) != inflated {
		t.Errorf("inflates to %d bytes, %v; want %d", len(text), err, inflated)
	}
}
