package attack

import (
	"testing"
	"time"
)

// TestLimitedAfter: attempts of 16 messages, of which 12 are requests.
func TestLimitedAfter(t *testing.T) {
	for _, c := range []struct {
		kind              string
		load, rate, burst float64
		want              time.Duration
		ok                bool
	}{
		{"messages", 16, 0, 36, 3 * time.Second, true}, // one connection, an attempt per second: the fourth is too much
		{"messages", 16, 4, 36, 4 * time.Second, true}, // 36, 28, 20, 12, 4
		{"messages", 16, 12, 36, 0, false},             // as many as allowed
		{"messages", 16, 0, 11, 0, true},               // the first attempt is too much
		{"topics", 32, 0, 16, time.Second, true},       // two connections; all of an attempt are requests
		{"bombs", 1, 20, 128, 0, true},
	} {
		got, ok := Find(c.kind).LimitedAfter(c.load, c.rate, c.burst)
		if got != c.want || ok != c.ok {
			t.Errorf("%s at %v with %v and %v: %v, %t; want %v, %t", c.kind, c.load, c.rate, c.burst, got, ok, c.want, c.ok)
		}
	}
}
