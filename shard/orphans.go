package shard

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"pitwall/codec"
)

// Orphan is a device that sends and is in no event. Times are in ms since the Unix epoch.
type Orphan struct {
	Device   string
	TS       int64   // the device's own time; 0 if nothing of it could be shown
	Arrival  int64   // when its last record that could be shown reached Redis; 0 for none
	Lat, Lon float64 // of that record; NaN for none
}

// Orphans returns at most most of the devices in no event, those that were heard of last
// first. Each shard looks at no more than most of them, and copies numbers into memory of
// the caller, so that it is held up for microseconds. It fails only if ctx ends first.
// Any goroutine may call it; the caller must bound how often.
func (c *Core) Orphans(ctx context.Context, most int) ([]Orphan, error) {
	lists := make([][]Orphan, len(c.workers))
	for i := range lists {
		lists[i] = make([]Orphan, 0, most)
	}
	if err := c.carryOut(ctx, &op{kind: opOrphans, orphans: lists}, "list devices in no event"); err != nil {
		return nil, err
	}
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b Orphan) int {
		return cmp.Or(cmp.Compare(b.Arrival, a.Arrival), strings.Compare(a.Device, b.Device))
	})
	return all[:min(len(all), most)], nil
}

// listOrphans carries out opOrphans. It does not allocate.
func (w *worker) listOrphans(o *op) {
	list := o.orphans[w.id]
	for e := w.orphans.Back(); e != nil && len(list) < cap(list); e = e.Prev() {
		d := e.Value.(*device)
		last := d.val
		if d.held != nil {
			last = d.held
		}
		x := Orphan{Device: d.id}
		if last == nil {
			x.Lat, x.Lon = codec.Place(nil)
		} else {
			x.TS, x.Arrival = d.shown.ts, d.shown.arrival
			x.Lat, x.Lon = codec.Place(last.buf)
		}
		list = append(list, x)
	}
	o.orphans[w.id] = list
}
