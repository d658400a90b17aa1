package baseline

import (
	"time"

	"pitwall/codec"
)

// prompt is the bare loop at Pitwall's moments: an event that was quiet for a
// window is sent at once, and then once per window. What the bare loop saves
// against it is not work but waiting: it writes to all events' sockets in one
// go, when the processor is awake and its caches are warm. Its loops share what
// is due together, mostly one event, and so are woken once per event.
type prompt struct {
	*bare
	window time.Duration
	next   []time.Time // by event: not sent before
}

// add takes a position in at now and sends what is due.
func (p *prompt) add(event int, r *codec.Position, now time.Time) {
	p.bare.add(event, r)
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

// servePrompt sends what the process itself makes.
func servePrompt(l *load) error {
	p := &prompt{bare: newBare(l.events(), l.Lowat, l.Loops), window: l.Window, next: make([]time.Time, l.Events)}
	return serve(p.join, func() tally {
		l.publish(l.decoded(func(event int, r *codec.Position) {
			p.add(event, r, time.Now())
		}))
		p.flush()
		return p.sum
	})
}
