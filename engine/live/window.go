package live

import (
	"context"
	"time"
)

// Bounds of how the flush window follows the load.
const (
	windowEvery = 100 * time.Millisecond
	windowStep  = 10 * time.Millisecond // the first step from a window of 0
)

// adaptWindow makes the flush window longer, for all topics alike, while writers or
// shards cannot keep up, and brings it back when there is room. So everybody gets
// positions a little later before anybody misses some.
func (srv *Server) adaptWindow(ctx context.Context) {
	if srv.opts.WindowMax <= srv.core.Window() {
		return
	}
	base := srv.core.Window()
	tick := time.NewTicker(windowEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now, longest := srv.core.Now(), time.Duration(0)
		for _, p := range srv.passes {
			longest = max(longest, p.takeLongest(now))
		}
		window := srv.core.Window()
		if next := nextWindow(window, base, srv.opts.WindowMax, longest, srv.core.Crowded()); next != window {
			srv.core.SetWindow(next)
		}
	}
}

// nextWindow is the window after one step: a quarter more than a drain pass takes
// when that is longer than the window, or a quarter more than the window when the
// shards' inboxes are crowded; a tenth less when half of it would do.
func nextWindow(window, base, most, pass time.Duration, crowded bool) time.Duration {
	switch {
	case pass > window && pass > windowStep:
		return min(most, max(pass+pass/4, window))
	case crowded:
		return min(most, max(window+window/4, windowStep))
	case pass < window/2 && window > base:
		return max(base, window-max(window/10, time.Millisecond))
	}
	return window
}
