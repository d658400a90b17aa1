package shard

import (
	"context"
	"time"

	"pitwall/codec"
)

// A device whose clock falls back (a rollover of the GPS week, an empty battery) sends
// positions that are all older than what is shown. So does a device that uploads what
// it could not send before. Their rhythm tells them apart: a clock that fell back ticks
// on, so its times keep their distance from the arrivals, while an upload catches up.

// FallenLeast is how far behind the arrivals a clock must be at least to be taken for one
// that fell back.
const FallenLeast = 10 * time.Minute

const (
	fallenLeast   = int64(FallenLeast / time.Millisecond)
	fallenTime    = 60 * 1000 // ms of arrivals for which the distance has to be the same
	fallenRecords = 5         // records that must have it
)

// fallen is what is known of a clock that has, or may have, fallen back.
type fallen struct {
	offset int64 // in force; 0 for none

	// A run of records whose device times are at the same distance from their live
	// arrivals. That distance may become the offset.
	run struct {
		offset, since int64
		records       int
	}
}

// offset is the device's time minus the arrival, in ms, of a clock that fell back:
// below 0. It is 0 for any other clock.
func (c *clock) offset() int64 {
	if c.fallen == nil {
		return 0
	}
	return c.fallen.offset
}

// followClock finds out from r whether its device's clock has fallen back, or is right
// again.
func (w *worker) followClock(d *device, r *codec.Position) {
	if r.Untimed || d.val == nil {
		return
	}
	at, tolerance := r.Arrival+w.difference, w.core.tolerance
	f, newer := d.clock.fallen, r.TS > d.shown.mark
	if f != nil && newer { // the device is shown, so its clock is not behind
		f.run.records = 0
	}
	offset := d.clock.offset()
	switch {
	case offset != 0 && distance(r.TS, at) <= tolerance:
		d.clock.fallen = nil // r has the right time
		w.core.clockChanged(Clock{Device: d.id, Since: r.Arrival})
	case !newer && r.TS < at-fallenLeast && (offset == 0 || distance(r.TS-at, offset) > tolerance):
		w.extendRun(d, r)
	}
}

// extendRun adds r, which is much older than its arrival, to the run of its device. Once
// the run is long enough, its distance is the offset in force.
func (w *worker) extendRun(d *device, r *codec.Position) {
	if d.clock.fallen == nil {
		d.clock.fallen = new(fallen)
	}
	run, offset := &d.clock.fallen.run, r.TS-r.Arrival-w.difference
	if run.records == 0 || distance(offset, run.offset) > w.core.tolerance {
		run.offset, run.since, run.records = offset, r.Arrival, 0
	}
	run.records++
	if run.records < fallenRecords || r.Arrival-run.since < fallenTime {
		return
	}
	d.clock.fallen.offset = run.offset
	w.count[countFallenClocks]++
	w.core.clockChanged(Clock{Device: d.id, Since: run.since, Offset: run.offset})
	run.records = 0
}

// RestoreClocks tells the shards which clocks fell back before this process began, and
// returns when every shard knows. Call it before positions are delivered. It fails only
// if ctx ends first. One goroutine at a time may call it.
func (c *Core) RestoreClocks(ctx context.Context, list []Clock) error {
	o := &op{kind: opClocks, clocks: make([][]Clock, len(c.workers))}
	for _, x := range list {
		i := c.ShardOf(x.Device)
		o.clocks[i] = append(o.clocks[i], x)
	}
	return c.carryOut(ctx, o, "restore the clocks")
}

// restoreClocks carries out opClocks on this shard.
func (w *worker) restoreClocks(o *op) {
	for _, c := range o.clocks[w.id] {
		d := w.devices[c.Device]
		if d == nil {
			d = w.addDevice(c.Device)
		}
		d.clock.fallen = &fallen{offset: c.Offset}
		if c.Offset == 0 {
			d.clock.fallen = nil
		}
	}
}

func distance(a, b int64) int64 { return max(a-b, b-a) }
