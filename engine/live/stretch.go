package live

import (
	"context"
	"sync/atomic"
	"time"
)

// Bounds of how the flush window follows the load.
const (
	stretchEvery = 100 * time.Millisecond
	stretchLeast = 10 * time.Millisecond // the first step from a window of 0
)

// sweep is how long a writer takes to serve everybody who has something: from
// its waking up until its queue is empty. Longer than a window, and it has
// fallen behind.
type sweep struct {
	since atomic.Int64 // when the sweep under way began, ns of the core's clock; 0 when idle
	most  atomic.Int64 // how long the longest took since it was asked for, ns
}

func (s *sweep) begin(now int64) { s.since.Store(now) }

func (s *sweep) end(now int64) {
	s.most.Store(max(s.most.Load(), now-s.since.Load()))
	s.since.Store(0)
}

// length is that of the longest sweep since the last call, the one under way
// included; 0 when there was none, so that a window that was stretched comes
// back also where nothing is sent any more. One goroutine calls it.
func (s *sweep) length(now int64) time.Duration {
	n := s.most.Swap(0)
	return max(time.Duration(n), s.underWay(now))
}

// underWay is how long the sweep under way has lasted, 0 for none. Any
// goroutine may call it.
func (s *sweep) underWay(now int64) time.Duration {
	if since := s.since.Load(); since != 0 {
		return time.Duration(now - since)
	}
	return 0
}

// stretch lengthens the flush window, evenly for all topics, while writers or
// shards fall behind, and lets it back when there is room: everybody gets
// positions a little later before anybody is conflated.
func (srv *Server) stretch(ctx context.Context) {
	if srv.opts.WindowMax <= srv.core.Window() {
		return
	}
	base := srv.core.Window()
	tick := time.NewTicker(stretchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now, longest := srv.core.Now(), time.Duration(0)
		for _, s := range srv.sweeps {
			longest = max(longest, s.length(now))
		}
		window := srv.core.Window()
		if next := nextWindow(window, base, srv.opts.WindowMax, longest, srv.core.Crowded()); next != window {
			srv.core.SetWindow(next)
		}
	}
}

// nextWindow is the window after one step: a quarter more than a sweep takes
// when that is longer than the window, or a quarter more when the shards'
// inboxes are crowded; a tenth less when half of it would do.
func nextWindow(window, base, most, sweep time.Duration, crowded bool) time.Duration {
	switch {
	case sweep > window && sweep > stretchLeast:
		return min(most, max(sweep+sweep/4, window))
	case crowded:
		return min(most, max(window+window/4, stretchLeast))
	case sweep < window/2 && window > base:
		return max(base, window-max(window/10, time.Millisecond))
	}
	return window
}
