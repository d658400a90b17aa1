package access

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// burstGap is the least time between two refreshes that notifications cause.
const burstGap = 50 * time.Millisecond

// faultEvery is the time in which a repeating fault is logged once.
const faultEvery = 10 * time.Second

// listen turns notifications into nudges. The lists are refreshed on their
// interval all the same.
func (g *Guard) listen(ctx context.Context) {
	wake := func() {
		select {
		case g.nudge <- struct{}{}:
		default:
		}
	}
	err := g.o.Store.Listen(ctx, []string{Channel}, wake, func(string, string) { wake() })
	if err != nil && !errors.Is(err, context.Canceled) {
		g.o.Logger.Warn("not listening for changes of access any more; they are seen at the next refresh", "error", err)
	}
}

// watch refreshes the lists on their interval, and at every nudge: then what
// the platform has said before is forgotten too, and everybody asked again.
func (g *Guard) watch(ctx context.Context) {
	timer := time.NewTimer(spread(g.o.Refresh))
	defer timer.Stop()
	wasClosed := false // public events have not been read for longer than Options.Grace
	for {
		told := false
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-g.nudge:
			told = true
		}
		changed, err := g.refresh(ctx)
		if err != nil && ctx.Err() == nil {
			g.fault("public events and revocations could not be read; those before are kept", err)
		}
		if told || changed {
			g.people.flush()
			g.decisions.flush()
		}
		closed := g.fresh() != nil
		if told || changed || closed != wasClosed {
			g.o.Changed()
		}
		wasClosed = closed
		timer.Reset(spread(g.o.Refresh))
		if told {
			rest(ctx, burstGap)
		}
	}
}

func (g *Guard) refresh(ctx context.Context) (changed bool, err error) {
	limited, cancel := context.WithTimeout(ctx, g.o.Timeout)
	defer cancel()
	if changed, err = g.lists.refresh(limited); err == nil {
		g.tellDelayed()
	}
	return changed, err
}

// tellDelayed says which events are closed because of their delay, when that has
// changed.
func (g *Guard) tellDelayed() {
	delayed := g.lists.allDelayed()
	if slices.Equal(delayed, g.closed) {
		return
	}
	g.closed = delayed
	if len(delayed) == 0 {
		g.o.Logger.Info("no event has a delay any more: none is closed to the public for that")
		return
	}
	g.o.Logger.Warn("events with a delay are closed to the public and to share links, since positions cannot be held back yet; delay_s = 0 in pitwall_events opens them",
		"events", delayed[:min(len(delayed), 20)], "number", len(delayed))
}

func rest(ctx context.Context, d time.Duration) {
	gap := time.NewTimer(d)
	defer gap.Stop()
	select {
	case <-gap.C:
	case <-ctx.Done():
	}
}

func (g *Guard) fault(what string, err error) {
	g.meters.failed.Inc()
	if n, ok := g.faults.count(time.Now()); ok {
		g.o.Logger.Warn(what, "error", err, "times", n)
	}
}

// pacer lets one message through per interval and counts the others.
type pacer struct {
	every time.Duration

	mu   sync.Mutex
	last time.Time
	n    int
}

func (p *pacer) count(now time.Time) (n int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	if !p.last.IsZero() && now.Sub(p.last) < p.every {
		return 0, false
	}
	n, p.n, p.last = p.n, 0, now
	return n, true
}

// meters count what becomes of those who want in.
type meters struct {
	admitted, refused, taken, failed *metrics.Counter
	reasons                          map[string]*metrics.Counter // of refusals, renewals and questions about sessions included
}

func (m *meters) register(set *metrics.Set) {
	const name = "processor_live_authentications_total"
	m.admitted = set.NewCounter(name + `{result="admitted"}`)
	m.refused = set.NewCounter(name + `{result="refused"}`)
	m.taken = set.NewCounter(name + `{result="link_full"}`)
	m.reasons = map[string]*metrics.Counter{}
	for _, reason := range refusalReasons {
		m.reasons[reason] = set.NewCounter(`processor_live_refused_authentications_total{reason="` + reason + `"}`)
	}
	m.failed = set.NewCounter("processor_live_access_errors_total")
}
