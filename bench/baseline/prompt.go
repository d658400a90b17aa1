package baseline

import (
	"context"
	"time"

	"pitwall/bench/internal/streamreader"
)

// prompt is the bare loop at Pitwall's moments: an event that was quiet for a
// window is sent at once, and then once per window. What the bare loop saves
// against it is waiting, no work: it writes to all events' sockets in one go,
// when the processor is awake and its caches are warm. The loops of prompt share
// what is due together, mostly one event, and so are woken once per event.
type prompt struct {
	*bare
	window time.Duration
	next   []time.Time // by event: not sent before
}

func newPrompt(b *bare, window time.Duration) *prompt {
	return &prompt{bare: b, window: window, next: make([]time.Time, len(b.topics))}
}

// serve waits for positions, and sends each event when it is due.
func (p *prompt) serve(ctx context.Context, r *streamreader.Reader, n *counters) error {
	for ctx.Err() == nil {
		if err := r.Read(ctx, p.wait(time.Now()), p.take); err != nil {
			return err
		}
		p.sendDue(time.Now())
		n.set(p.sum)
	}
	return nil
}

// wait is how long nothing is due unless a position comes.
func (p *prompt) wait(now time.Time) time.Duration {
	wait := time.Second
	for e, n := range p.counts {
		if n > 0 {
			wait = min(wait, p.next[e].Sub(now))
		}
	}
	return max(wait, time.Millisecond)
}

// sendDue sends what waits of the events that are due.
func (p *prompt) sendDue(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due = p.due[:0]
	for e, n := range p.counts {
		if n > 0 && !now.Before(p.next[e]) {
			p.due = append(p.due, e)
			if p.next[e] = p.next[e].Add(p.window); p.next[e].Before(now) {
				p.next[e] = now.Add(p.window)
			}
		}
	}
	p.send()
}
