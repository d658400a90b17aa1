package front

import (
	"context"
	"log/slog"
	"sync"

	"pitwall/engine/viewer"
	"pitwall/shard"
)

// Lister decides which events may be listed for everybody.
type Lister interface {
	// MayList is called for each event, from any goroutine. It must not block.
	MayList(event string) bool
}

// Listing holds the list of events that the page shows. It is made when the
// device-event map or the public events change, never during a request. So a request
// takes the same time for any number of events, and its time reveals nothing about
// events that are not public.
type Listing struct {
	core *shard.Core
	log  *slog.Logger
	list viewer.List

	mu     sync.Mutex // held while a list is made, so that the last list has the newest map and permissions
	lister Lister     // nil until Enable: nothing is listed
}

// NewListing makes a list of the events of core. It is empty until Enable.
func NewListing(core *shard.Core, log *slog.Logger) *Listing { return &Listing{core: core, log: log} }

// Swap implements eventmap.Target: it swaps the map of the core and makes the list
// again. It does so even after an error, because the new map may be in force already.
func (l *Listing) Swap(ctx context.Context, r shard.Roster) error {
	err := l.core.Swap(ctx, r)
	l.Rebuild()
	return err
}

// Enable makes the list with the events that lister allows.
func (l *Listing) Enable(lister Lister) {
	l.mu.Lock()
	l.lister = lister
	l.mu.Unlock()
	l.Rebuild()
}

// Rebuild makes the list again. Any goroutine may call it.
func (l *Listing) Rebuild() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lister == nil {
		return
	}
	var events []viewer.Event
	for _, e := range l.core.Snapshot().Events() {
		if l.lister.MayList(e.ID) {
			events = append(events, viewer.Event{ID: e.ID, Devices: e.Devices})
		}
	}
	if err := l.list.Set(events); err != nil {
		l.log.Error("the list of events could not be made; the previous one is kept", "error", err)
	}
}
