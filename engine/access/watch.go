package access

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/pace"
)

// refreshGap is the least time between two refreshes that notifications cause.
const refreshGap = 50 * time.Millisecond

// listen has the lists refreshed at once when the database notifies. Notifications may be
// lost, so the lists are refreshed on their interval all the same.
func (g *Guard) listen(ctx context.Context) {
	wake := func() {
		select {
		case g.refreshNow <- struct{}{}:
		default:
		}
	}
	err := g.o.Store.Listen(ctx, []string{Channel}, wake, func(string, string) { wake() })
	if err != nil && !errors.Is(err, context.Canceled) {
		g.o.Logger.Warn("not listening for changes of access any more; they are seen at the next refresh", "error", err)
	}
}

// watch refreshes the lists on their interval, and at once when the
// database notifies. What the platform said before is forgotten then, and everybody
// is asked about again.
func (g *Guard) watch(ctx context.Context) {
	timer := time.NewTimer(spread(g.o.Refresh))
	defer timer.Stop()
	wasStale := false // public events have not been read for longer than Options.Grace
	for {
		notified := false
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-g.refreshNow:
			notified = true
		}
		changed, err := g.refresh(ctx)
		if err != nil && ctx.Err() == nil {
			g.logFault("public events and revocations could not be read; those before are kept", err)
		}
		if notified || changed {
			g.identities.flush()
			g.decisions.flush()
		}
		stale := g.checkFresh() != nil
		if notified || changed || stale != wasStale {
			g.o.Changed()
		}
		wasStale = stale
		timer.Reset(spread(g.o.Refresh))
		if notified {
			_ = pace.Sleep(ctx, refreshGap) // the loop sees that ctx has ended
		}
	}
}

func (g *Guard) refresh(ctx context.Context) (changed bool, err error) {
	limited, cancel := context.WithTimeout(ctx, g.o.Timeout)
	defer cancel()
	if changed, err = g.lists.refresh(limited); err == nil {
		g.logDelayed()
	}
	return changed, err
}

// logDelayed says which events are closed because of their delay, when that has
// changed.
func (g *Guard) logDelayed() {
	delayed := g.lists.allDelayed()
	if slices.Equal(delayed, g.delayed) {
		return
	}
	g.delayed = delayed
	if len(delayed) == 0 {
		g.o.Logger.Info("no event has a delay any more: none is closed to the public for that")
		return
	}
	g.o.Logger.Warn("events with a delay are closed to the public and to share links, since positions cannot be held back yet; delay_s = 0 in pitwall_events opens them",
		"events", delayed[:min(len(delayed), 20)], "number", len(delayed))
}

func (g *Guard) logFault(what string, err error) {
	g.meters.failed.Inc()
	if n, ok := g.faultLog.Allow(time.Now()); ok {
		g.o.Logger.Warn(what, "error", err, "times", n)
	}
}

// meters count what becomes of those who want in.
type meters struct {
	admitted, refused, linkFull, failed *metrics.Counter
	reasons                             map[string]*metrics.Counter // of refusals, renewals and questions about sessions included
}

func (m *meters) register(set *metrics.Set) {
	const name = "processor_live_authentications_total"
	m.admitted = set.NewCounter(name + `{result="admitted"}`)
	m.refused = set.NewCounter(name + `{result="refused"}`)
	m.linkFull = set.NewCounter(name + `{result="link_full"}`)
	m.reasons = map[string]*metrics.Counter{}
	for _, reason := range refusalReasons {
		m.reasons[reason] = set.NewCounter(`processor_live_refused_authentications_total{reason="` + reason + `"}`)
	}
	m.failed = set.NewCounter("processor_live_access_errors_total")
}
