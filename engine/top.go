package engine

import (
	"context"
	"math"
	"time"

	"pitwall/engine/access"
	"pitwall/engine/ops"
)

// top lists the slowest connections, and the devices that send and are in no event.
func (e *Engine) top(ctx context.Context) (t ops.Ranking) {
	t.Slowest, t.Orphans = []ops.Connection{}, []ops.Orphan{}
	if _, _, started := e.measured(); !started || e.live == nil {
		return t
	}
	for _, x := range e.live.Slowest(ops.MaxRanked) {
		c := ops.Connection{ID: x.ID, Address: x.Address, QueuedBytes: x.Queued, OldestMS: x.Age.Milliseconds(), Lagged: x.Lagged, Closing: x.Finished}
		if id, ok := x.Client.(*access.Identity); ok {
			c.User = id.User()
		}
		t.Slowest = append(t.Slowest, c)
	}
	list, err := e.core.Orphans(ctx, ops.MaxRanked)
	if err != nil {
		t.OrphansError = err.Error()
	}
	for _, x := range list {
		o := ops.Orphan{Device: x.Device}
		if x.Arrival > 0 {
			o.Time, o.Arrival = time.UnixMilli(x.TS).UTC(), time.UnixMilli(x.Arrival).UTC()
		}
		if !math.IsNaN(x.Lat) && !math.IsNaN(x.Lon) {
			o.Place = &ops.Place{Lat: x.Lat, Lon: x.Lon}
		}
		t.Orphans = append(t.Orphans, o)
	}
	return t
}
