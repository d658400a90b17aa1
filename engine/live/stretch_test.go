package live

import (
	"testing"
	"time"
)

func TestNextWindow(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name                      string
		window, base, most, sweep time.Duration
		crowded                   bool
		want                      time.Duration
	}{
		{"at rest nothing changes", 100 * ms, 100 * ms, 2000 * ms, 5 * ms, false, 100 * ms},
		{"a sweep longer than the window stretches it beyond the sweep", 100 * ms, 100 * ms, 2000 * ms, 160 * ms, false, 200 * ms},
		{"never beyond the most", 1800 * ms, 100 * ms, 2000 * ms, 1900 * ms, false, 2000 * ms},
		{"crowded inboxes stretch by a quarter", 100 * ms, 100 * ms, 2000 * ms, 20 * ms, true, 125 * ms},
		{"from a window of nothing", 0, 0, 2000 * ms, 0, true, 10 * ms},
		{"a short sweep with no window is no reason", 0, 0, 2000 * ms, 8 * ms, false, 0},
		{"back by a tenth when half would do", 200 * ms, 100 * ms, 2000 * ms, 90 * ms, false, 180 * ms},
		{"not back while it is needed", 200 * ms, 100 * ms, 2000 * ms, 110 * ms, false, 200 * ms},
		{"not below the base", 101 * ms, 100 * ms, 2000 * ms, 1 * ms, false, 100 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := nextWindow(c.window, c.base, c.most, c.sweep, c.crowded); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
