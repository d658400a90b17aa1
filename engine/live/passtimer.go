package live

import (
	"sync/atomic"
	"time"
)

// passTimer measures a writer's drain passes, each from waking up until the queue is
// empty. A writer whose pass takes longer than a flush window cannot keep up.
//
// Memory ordering: since and longest are independent, and readers need only a recent
// value of each.
type passTimer struct {
	since   atomic.Int64 // when the current pass began, ns of the core's clock; 0 while the writer sleeps
	longest atomic.Int64 // of the passes that ended since the last takeLongest, ns
}

// The writer calls begin and end.

func (p *passTimer) begin(now int64) { p.since.Store(now) }

func (p *passTimer) end(now int64) {
	p.longest.Store(max(p.longest.Load(), now-p.since.Load()))
	p.since.Store(0)
}

// takeLongest is the longest pass since the last call, including the current one. It is
// 0 if there was none, so that a long window becomes shorter again when nothing is sent
// any more. One goroutine calls it.
func (p *passTimer) takeLongest(now int64) time.Duration {
	n := p.longest.Swap(0)
	return max(time.Duration(n), p.underWay(now))
}

// underWay is how long the current pass has lasted, 0 for none. Any goroutine may call
// it.
func (p *passTimer) underWay(now int64) time.Duration {
	if since := p.since.Load(); since != 0 {
		return time.Duration(now - since)
	}
	return 0
}
