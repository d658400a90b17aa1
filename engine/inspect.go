package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pitwall/engine/internal/db"
	"pitwall/engine/ops"
	"pitwall/shard"
)

// silentAfter is the age from which a last position counts as old.
const silentAfter = 5 * time.Minute

// device collects what the shards and the table know of a device. It only reads.
func (e *Engine) device(ctx context.Context, id string) (ops.Device, error) {
	if _, _, started := e.measured(); !started {
		return ops.Device{}, errors.New("the engine is starting")
	}
	d := ops.Device{ID: id, Reasons: []string{}, Events: []ops.DeviceEvent{}}
	if err := e.readStored(ctx, &d); err != nil {
		d.StoredError = err.Error()
	}
	if e.live == nil {
		d.Reasons = append(d.Reasons, "This process serves no spectators (LIVE_ENABLED is false): ask one that does.")
		return d, nil
	}
	s, err := e.core.Inspect(ctx, id)
	if err != nil {
		return ops.Device{}, err
	}
	if err := e.describe(&d, &s); err != nil {
		return ops.Device{}, err
	}
	e.explain(&d, &s, time.Now())
	return d, nil
}

// storedTimeout bounds the look at the table, which must not use up the time for the
// shards.
const storedTimeout = time.Second

// readStored reads the last positions of a device from the table.
func (e *Engine) readStored(ctx context.Context, d *ops.Device) error {
	limited, cancel := context.WithTimeout(ctx, storedTimeout)
	defer cancel()
	rule := db.LiveRule{Tolerance: ms(e.cfg.FutureToleranceMS)}
	if e.feed != nil {
		rule.Difference = e.feed.Difference()
	}
	return e.db.LastPositions(limited, []string{d.ID}, rule, func(l *db.Last) error {
		d.FaultyRows = len(l.Faulty)
		if p := l.Good; p != nil {
			d.Stored = &ops.LastRecord{Time: time.UnixMilli(p.TS).UTC(), Arrival: time.UnixMilli(p.Arrival).UTC(), Lat: p.Lat, Lon: p.Lon}
		}
		return nil
	})
}

// describe fills in what the shards know.
func (e *Engine) describe(d *ops.Device, s *shard.DeviceState) error {
	spectators := map[string]int{}
	for _, a := range e.core.Audiences() {
		spectators[a.Event] = a.Spectators
	}
	for _, event := range s.Events {
		d.Events = append(d.Events, ops.DeviceEvent{Event: event, Spectators: spectators[event]})
	}
	d.Orphan = s.Known && len(s.Events) == 0
	d.Visible = s.Shown && len(s.Events) > 0
	d.Held, d.Limited, d.Refused = s.Held, s.Limited, s.Banned
	d.Clock = ops.DeviceClock{State: string(s.Clock), OffsetMS: s.Offset}
	if !s.Shown {
		return nil
	}
	var place struct{ Lat, Lon float64 }
	if err := json.Unmarshal(s.Body, &place); err != nil {
		return fmt.Errorf("read the position of a device: %w", err)
	}
	d.Live = &ops.LastRecord{
		Time: time.UnixMilli(s.TS).UTC(), Arrival: time.UnixMilli(s.Arrival).UTC(), ShownAs: time.UnixMilli(s.Live).UTC(), Lat: place.Lat, Lon: place.Lon,
	}
	if s.Clock == shard.ClockAhead {
		d.Clock.OffsetMS = s.TS - s.Arrival
	}
	return nil
}

// explain adds the reasons.
func (e *Engine) explain(d *ops.Device, s *shard.DeviceState, now time.Time) {
	say := func(format string, args ...any) { d.Reasons = append(d.Reasons, fmt.Sprintf(format, args...)) }
	if len(d.Events) == 0 {
		say("It takes part in no event, so nobody sees it: enter it in the roster (pitwall roster import). The change takes effect at the next refresh of the map.")
	}
	switch {
	case d.Live == nil && s.Banned > 0:
		say("Every position that is known was marked faulty: it comes back with its next good record.")
	case d.Live == nil && d.Stored != nil:
		say("The live part has no position of it, although the table has one: it was not read at the start. It comes back with its next record.")
	case d.Live == nil && d.FaultyRows > 0:
		say("The table has only faulty positions of it (the newest %d): faulty records are stored and never shown.", d.FaultyRows)
	case d.Live == nil:
		say("No record that could be shown has arrived. Check the id, letter by letter, the streams (TELEMETRY_STREAMS), and the refused records (pitwall dead list).")
	default:
		if age := now.Sub(d.Live.Arrival); age > silentAfter {
			say("Its last record arrived %v ago: it is shown at that place. Check the device, its power and its connection.", age.Round(time.Second))
		}
	}
	if d.Live != nil && d.FaultyRows > 0 {
		say("%d newer positions are marked faulty and are not shown.", d.FaultyRows)
	}
	switch s.Clock {
	case shard.ClockAhead:
		say("Its clock runs %v ahead: its positions are shown under their arrival. Set the clock of the device.", (time.Duration(d.Clock.OffsetMS) * time.Millisecond).Round(time.Second))
	case shard.ClockUntimed:
		say("Its records have no time: they are shown under their arrival.")
	}
	if s.Offset != 0 {
		say("Its clock has fallen back by %v: its positions are shown under their arrival. Set the clock of the device.", (-time.Duration(s.Offset) * time.Millisecond).Round(time.Second))
	}
	if d.Limited {
		say("It sends more than LIVE_DEVICE_RATE or LIVE_DEVICE_BYTES allow: only its newest position is shown, when the limit allows it.")
	}
	if d.Visible && len(d.Reasons) == 0 {
		say("It is shown.")
	}
}
