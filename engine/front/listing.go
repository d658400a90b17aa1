package front

import (
	"context"
	"log/slog"
	"sync"

	"pitwall/engine/viewer"
	"pitwall/shard"
)

// Lister says whether an event may be named to everybody.
type Lister interface {
	// MayList is called for each event, from any goroutine. It must not wait.
	MayList(event string) bool
}

// Listing keeps the list of events that the page shows. It is made when the map
// or the public events change, never while somebody asks. A request then costs
// the same, and takes the same time, however many events there are: the time
// tells a stranger nothing about those that are not public.
type Listing struct {
	core *shard.Core
	log  *slog.Logger
	list viewer.List

	mu     sync.Mutex // held while a list is made: the last one is of the newest map and permissions
	lister Lister     // nil until Enable: nothing is listed
}

// NewListing makes a list of the core's events. It is empty until Enable.
func NewListing(core *shard.Core, log *slog.Logger) *Listing { return &Listing{core: core, log: log} }

// Swap implements eventmap.Target. The new map is in force even on an error.
func (l *Listing) Swap(ctx context.Context, r shard.Roster) error {
	err := l.core.Swap(ctx, r)
	l.Rebuild()
	return err
}

// Enable lists what the lister permits from here on.
func (l *Listing) Enable(permits Lister) {
	l.mu.Lock()
	l.lister = permits
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
		l.log.Error("the list of events could not be made; the one before is kept", "error", err)
	}
}
