package live

import (
	"sync/atomic"
	"time"
)

// passTimer measures a writer's drain passes: how long it takes to serve everybody
// who has something, from waking up until the queue is empty. A pass that is longer
// than a flush window says that the writer cannot keep up.
//
// Memory ordering: since and longest are values of their own, and a reader needs
// no more than a recent one of each.
type passTimer struct {
	since   atomic.Int64 // when the pass under way began, ns of the core's clock; 0 while the writer sleeps
	longest atomic.Int64 // of the passes that have ended since takeLongest was called, ns
}

// begin and end are called by the writer.
func (p *passTimer) begin(now int64) { p.since.Store(now) }

func (p *passTimer) end(now int64) {
	p.longest.Store(max(p.longest.Load(), now-p.since.Load()))
	p.since.Store(0)
}

// takeLongest is the longest pass since the last call, the one under way included.
// It is 0 when there was none, so that a window that was made longer comes back
// where nothing is sent any more. One goroutine calls it.
func (p *passTimer) takeLongest(now int64) time.Duration {
	n := p.longest.Swap(0)
	return max(time.Duration(n), p.underWay(now))
}

// underWay is how long the pass under way has lasted, 0 for none. Any goroutine
// may call it.
func (p *passTimer) underWay(now int64) time.Duration {
	if since := p.since.Load(); since != 0 {
		return time.Duration(now - since)
	}
	return 0
}
