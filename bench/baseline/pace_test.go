package baseline

import (
	"strings"
	"testing"
	"time"
)

// TestLateIsSaid: a loop that takes more than its window is named, unless
// records come so rarely that nobody writes once per window.
func TestLateIsSaid(t *testing.T) {
	const conns = 9900
	for _, c := range []struct {
		name         string
		rate, events int
		between      time.Duration
		want         string // begin of it
	}{
		{"late", 2000, 50, 183 * time.Millisecond, "bare does not keep the window: a socket is written to every 183 ms, "},
		{"in time", 2000, 50, 101 * time.Millisecond, ""},
		{"nearly in time", 2000, 50, 114 * time.Millisecond, ""},
		{"just late", 2000, 50, 116 * time.Millisecond, "bare does not keep the window: a socket is written to every 116 ms, "},
		{"two records a window", 1000, 50, 183 * time.Millisecond, "bare does not"},
		{"quiet events", 999, 50, 183 * time.Millisecond, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &load{Conns: conns, Rate: c.rate, Events: c.events, Window: 100 * time.Millisecond}
			r := result{Wall: 5 * time.Second, Writes: conns * float64(5*time.Second) / float64(c.between)}
			got := l.late("bare", []result{r})
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
				t.Errorf("it said %q, want %q", got, c.want)
			}
		})
	}
	full := result{Wall: 5 * time.Second, Writes: 2 * conns * 28, Turns: conns * 28} // each write followed by another
	if got := (&load{Conns: conns, Rate: 2000, Events: 50, Window: 100 * time.Millisecond}).late("bare", []result{full}); !strings.Contains(got, "every 179 ms") {
		t.Errorf("of one whose sockets are full it said %q", got)
	}
	if got := (&load{Rate: 2000, Events: 50, Window: 100 * time.Millisecond}).late("prompt", nil); got != "" {
		t.Errorf("of one that was not measured it said %q", got)
	}
}
