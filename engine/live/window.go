package live

import (
	"context"
	"time"
)

// How the flush window follows the load.
const (
	windowEvery = 100 * time.Millisecond // between two steps
	windowStep  = 10 * time.Millisecond  // the first step from a window of 0
)

// adaptWindow makes the flush window longer, for all topics alike, while writers or
// shards cannot keep up, and shortens it again when they can. So everybody gets
// positions a little later before anybody misses some.
func (srv *Server) adaptWindow(ctx context.Context) {
	base := srv.core.Window()
	if srv.opts.WindowMax <= base {
		return
	}
	every(ctx, windowEvery, func() {
		now, longest := srv.core.Now(), time.Duration(0)
		for _, p := range srv.passes {
			longest = max(longest, p.takeLongest(now))
		}
		window := srv.core.Window()
		if next := nextWindow(window, base, srv.opts.WindowMax, longest, srv.core.Crowded()); next != window {
			srv.core.SetWindow(next)
		}
	})
}

// nextWindow is the window after one step, between base and limit. If a drain pass
// takes longer than the window, it is a quarter more than the pass; if the shards'
// inboxes are crowded, a quarter more than the window; if a pass takes less than half
// the window, a tenth less than the window.
func nextWindow(window, base, limit, pass time.Duration, crowded bool) time.Duration {
	switch {
	case pass > window && pass > windowStep:
		return min(limit, max(pass+pass/4, window))
	case crowded:
		return min(limit, max(window+window/4, windowStep))
	case pass < window/2 && window > base:
		return max(base, window-max(window/10, time.Millisecond))
	}
	return window
}
