package access

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"pitwall/engine/internal/pace"
)

// refreshGap is the least time between two refreshes that notifications cause.
const refreshGap = 50 * time.Millisecond

// followNotifications wakes refreshLoop for each notification of the database. If
// notifications are lost, the refresh at the interval still finds the changes.
func (g *Guard) followNotifications(ctx context.Context) {
	err := g.o.Store.Listen(ctx, []string{Channel}, g.refreshNow.Set, func(string, string) { g.refreshNow.Set() })
	if err != nil && !errors.Is(err, context.Canceled) {
		g.o.Logger.Warn("listening for changes of access has ended; changes are seen at the next refresh", "error", err)
	}
}

// refreshLoop refreshes the lists at the interval and after notifications, until ctx
// ends. After a change or a notification it drops the cached answers and calls
// Options.Changed, so that all sessions are checked again.
func (g *Guard) refreshLoop(ctx context.Context) {
	timer := time.NewTimer(pace.Jitter(g.o.Refresh))
	defer timer.Stop()
	wasStale := false // the public events are older than Options.Grace
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
			g.logFault("public events and revocations could not be read; the previous ones stay in force", err)
		}
		if changed = changed || notified; changed {
			g.identities.flush()
			g.decisions.flush()
		}
		stale := g.checkFresh() != nil
		if changed || stale != wasStale {
			g.o.Changed()
		}
		wasStale = stale
		timer.Reset(pace.Jitter(g.o.Refresh))
		if notified {
			_ = pace.Sleep(ctx, refreshGap) // the loop checks ctx
		}
	}
}

// refresh reads the lists and logs the delayed events if they have changed.
func (g *Guard) refresh(ctx context.Context) (changed bool, err error) {
	limited, cancel := context.WithTimeout(ctx, g.o.Timeout)
	defer cancel()
	if changed, err = g.lists.refresh(limited); err == nil {
		g.logDelayed()
	}
	return changed, err
}

// logDelayed logs which events are closed because of their delay, if that has
// changed.
func (g *Guard) logDelayed() {
	delayed := slices.Sorted(maps.Keys(g.lists.current().delayed))
	if slices.Equal(delayed, g.delayed) {
		return
	}
	g.delayed = delayed
	if len(delayed) == 0 {
		g.o.Logger.Info("no event has a delay any more, so none is closed to the public because of it")
		return
	}
	g.o.Logger.Warn("events with a delay are closed to the public and to share links, because positions cannot be delayed yet; delay_s = 0 in pitwall_events opens them",
		"events", delayed[:min(len(delayed), 20)], "number", len(delayed))
}
