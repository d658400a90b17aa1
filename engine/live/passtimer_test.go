package live

import (
	"testing"
	"time"
)

// takeLongest returns the longest drain pass since the last call, the one under way
// included. Each pass is returned once.
func TestLongestPass(t *testing.T) {
	var s passTimer
	length := func(now, want time.Duration) {
		t.Helper()
		if got := s.takeLongest(int64(now)); got != want {
			t.Errorf("at %d: the longest pass took %d ns, want %d", now, got, want)
		}
	}
	length(5, 0)
	s.begin(10)
	s.end(50)
	s.begin(60)
	s.end(70)
	length(80, 40)
	length(80, 0)
	s.begin(100)
	length(130, 30)
	length(150, 50)
	if got := s.underWay(155); got != 55 {
		t.Errorf("the pass is under way for %d ns, want 55", got)
	}
	s.end(160)
	length(170, 60)
	length(180, 0)
}

// The window stays the same while a pass takes between half of it and all of it.
// One nanosecond more makes it longer, one less makes it shorter.
func TestNextWindowAtItsBounds(t *testing.T) {
	const base, window, most = 100 * time.Millisecond, 200 * time.Millisecond, 2 * time.Second
	for _, c := range []struct {
		pass  time.Duration
		moves int // -1: shorter, 0: not at all, 1: longer
	}{{window, 0}, {window + 1, 1}, {window / 2, 0}, {window/2 - 1, -1}} {
		got := nextWindow(window, base, most, c.pass, false)
		if (got > window) != (c.moves > 0) || (got < window) != (c.moves < 0) {
			t.Errorf("a pass of %v changes the window from %v to %v, want a change in direction %d", c.pass, window, got, c.moves)
		}
	}
}
