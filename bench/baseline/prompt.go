package baseline

import (
	"context"
	"time"

	"pitwall/bench/internal/streamreader"
)

// prompt is the bare loop, but it writes when Pitwall would: an event that was quiet for
// a window is sent at once, and then once per window. It writes the same positions as the
// bare loop, at a higher cost. The bare loop writes to the sockets of all events in one
// go, while the CPU is awake and its caches are warm. prompt writes only the events that
// are due, which is usually one, so it wakes up once per event.
type prompt struct {
	*bare
	window time.Duration
	next   []time.Time // by event: when it may be sent again
}

func newPrompt(b *bare, window time.Duration) *prompt {
	return &prompt{bare: b, window: window, next: make([]time.Time, len(b.topics))}
}

// serve waits for positions and sends each event when it is due.
func (p *prompt) serve(ctx context.Context, r *streamreader.Reader, n *counters) error {
	for ctx.Err() == nil {
		if err := r.Read(ctx, p.wait(time.Now()), p.take); err != nil {
			return err
		}
		now := time.Now()
		p.flush(func(event int) bool { return p.isDue(event, now) })
		n.set(p.sum)
	}
	return nil
}

// wait is the time until an event is due, if no position comes before.
func (p *prompt) wait(now time.Time) time.Duration {
	wait := time.Second
	for e, n := range p.counts {
		if n > 0 {
			wait = min(wait, p.next[e].Sub(now))
		}
	}
	return max(wait, time.Millisecond)
}

// isDue reports whether an event may be sent, and if so sets when it may be again.
func (p *prompt) isDue(event int, now time.Time) bool {
	if now.Before(p.next[event]) {
		return false
	}
	if p.next[event] = p.next[event].Add(p.window); p.next[event].Before(now) {
		p.next[event] = now.Add(p.window)
	}
	return true
}
