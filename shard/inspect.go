package shard

import (
	"context"
	"slices"
	"strings"
)

// DeviceState is what the core knows of one device at one moment, for an operator who
// asks why it shows or does not. Times are in ms since the Unix epoch.
type DeviceState struct {
	Known  bool     // its shard has heard of it; the other fields but Events are zero otherwise
	Events []string // events that it takes part in by the map in force, in no particular order
	Orphan bool     // it is in no event of the map as far as its shard has applied it

	Shown    bool   // it has a last position, and the next six fields hold it
	Body     []byte // the position as spectators get it, or will with Held: a JSON object
	Live     int64  // the time under which it is shown
	TS       int64  // the device's own time
	Arrival  int64  // when the record reached Redis
	Adjusted bool   // Live is not TS
	Clock    ClockState

	Offset  int64 // the device's time minus the arrival, in ms, of a clock that fell back; 0 for any other
	Held    bool  // a newer position waits until the limits allow it
	Limited bool  // the device is beyond its limits now
	Banned  int   // positions marked faulty by name that are refused, at most MaxFaulty
}

// ClockState says how the time of a device's last position was found.
type ClockState string

// The states of a clock. ClockUntimed is a record without a time.
const (
	ClockRight   ClockState = "right"
	ClockAhead   ClockState = "ahead"
	ClockFallen  ClockState = "fallen back"
	ClockUntimed ClockState = "no time"
)

// clockStates are the states by dating.
var clockStates = [...]ClockState{
	datedItself: ClockRight, datedAhead: ClockAhead, datedFallen: ClockFallen, datedLate: ClockFallen, datedNot: ClockUntimed,
}

// Inspect returns the state of a device. The device's shard copies one position; the
// others do nothing. It changes nothing and fails only if ctx ends first. Any goroutine
// may call it; the caller must bound how often.
func (c *Core) Inspect(ctx context.Context, id string) (DeviceState, error) {
	id = strings.Clone(id)
	o := &op{kind: opInspect, inspected: id, state: new(DeviceState)}
	if err := c.carryOut(ctx, o, "look at a device"); err != nil {
		return DeviceState{}, err
	}
	state := *o.state
	for _, t := range c.Snapshot().Topics(id) {
		state.Events = append(state.Events, t.event)
	}
	return state, nil
}

// inspect carries out opInspect. Only the shard of the device writes to the result.
func (w *worker) inspect(o *op) {
	if w.core.ShardOf(o.inspected) != w.id {
		return
	}
	d := w.devices[o.inspected]
	if d == nil {
		return
	}
	s := o.state
	s.Known, s.Orphan, s.Offset, s.Held = true, d.orphan != nil, d.clock.offset(), d.held != nil
	s.Limited = max(w.core.recordCost, w.core.byteCost) > 0 && d.limit.full-w.now > limitBurst
	if d.bans != nil {
		s.Banned = len(d.bans.times)
	}
	last := d.val
	if d.held != nil {
		last = d.held
	}
	if last == nil {
		return
	}
	s.Shown, s.Body = true, slices.Clone(last.buf)
	s.Live, s.TS, s.Arrival = d.shown.mark, d.shown.ts, d.shown.arrival
	s.Adjusted, s.Clock = d.shown.adjusted, clockStates[d.shown.by]
}

// Audience is an event with spectators.
type Audience struct {
	Event      string `json:"event"`
	Devices    int    `json:"devices"`    // devices that take part, by the map in force
	Spectators int    `json:"spectators"` // subscriptions
}

// Audiences lists the events with spectators, those with most first, then by id. It
// holds the lock that subscribing needs while it looks at all events, so the caller must
// bound how often. Any goroutine may call it.
func (c *Core) Audiences() []Audience {
	list := c.watched()
	slices.SortFunc(list, func(a, b Audience) int {
		if a.Spectators != b.Spectators {
			return b.Spectators - a.Spectators
		}
		return strings.Compare(a.Event, b.Event)
	})
	return list
}

func (c *Core) watched() (list []Audience) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sizes := c.snapshot.Load().sizes
	for _, t := range c.topics {
		if t.watchers > 0 {
			list = append(list, Audience{t.event, sizes[t], t.watchers})
		}
	}
	return list
}
