package engine

import (
	"context"
	"log/slog"
	"sync"

	"pitwall/engine/viewer"
	"pitwall/shard"
)

// gate says whether an event may be named to everybody.
type gate interface{ MayList(event string) bool }

// listing keeps the list of events that the page shows. It is made anew when
// the map or the public events change, never while somebody asks: a request
// costs the same, and takes the same time, however many events there are.
type listing struct {
	core *shard.Core
	log  *slog.Logger
	list viewer.List

	mu   sync.Mutex // so that the list made last is of the newest map and gate
	gate gate       // nil until it is open: nothing is listed
}

// Swap implements eventmap.Target. The map is in force even on an error.
func (l *listing) Swap(ctx context.Context, r shard.Roster) error {
	err := l.core.Swap(ctx, r)
	l.renew()
	return err
}

// open lists what the gate permits from now on.
func (l *listing) open(g gate) {
	l.mu.Lock()
	l.gate = g
	l.mu.Unlock()
	l.renew()
}

// renew makes the list anew. Any goroutine may call it.
func (l *listing) renew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gate == nil {
		return
	}
	var events []viewer.Event
	for _, e := range l.core.Snapshot().Events() {
		if l.gate.MayList(e.ID) {
			events = append(events, viewer.Event{ID: e.ID, Devices: e.Devices})
		}
	}
	if err := l.list.Set(events); err != nil {
		l.log.Error("the list of events could not be made; the one before is kept", "error", err)
	}
}
