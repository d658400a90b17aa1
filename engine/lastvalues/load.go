package lastvalues

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"pitwall/engine/internal/db"
	"pitwall/shard"
)

// Table is the part of the database that Load reads.
type Table interface {
	// Clocks returns the devices whose clocks are known to have fallen back.
	Clocks(ctx context.Context, devices []string) ([]shard.Clock, error)
	// LastPositions calls fn with the newest positions of each device, by rule.
	// fn must not keep the Last.
	LastPositions(ctx context.Context, devices []string, rule db.LiveRule, fn func(*db.Last) error) error
}

// Options are what Load needs. All are required.
type Options struct {
	Table Table
	Core  *shard.Core
	// Tolerance is how far a device's time may differ from its arrival.
	Tolerance time.Duration
	// Difference returns how far the clock of this process is ahead of that of the
	// Redis server.
	Difference func() time.Duration
	// Timeout bounds the reading (LIVE_WARM_TIME_MS).
	Timeout time.Duration
	// BatchSize is how many positions one shard is given at a time.
	BatchSize int
	Logger    *slog.Logger
	// LeftOff, if not nil, is called when Timeout was over before everything was read.
	LeftOff func()
}

// loader is one Load.
type loader struct {
	Options
	devices []string
	batches []*shard.Batch     // by shard; nil while empty
	faulty  []shard.Correction // positions that the stream may bring again
	found   int                // devices with a good position
}

// Load fills the last values of all devices in the core's map. Running out of
// time is logged and is no error.
func Load(ctx context.Context, o Options) error {
	begin := time.Now()
	l := &loader{Options: o, devices: o.Core.Snapshot().DeviceIDs(), batches: make([]*shard.Batch, o.Core.Shards())}
	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	err := l.restoreClocks(limited)
	if err == nil {
		err = l.readPositions(ctx, limited)
	}
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		o.Logger.Warn("reading the last positions from the database took too long and was left off (LIVE_WARM_TIME_MS)",
			"devices", len(l.devices), "read", l.found, "after", o.Timeout)
		if o.LeftOff != nil {
			o.LeftOff()
		}
		err = nil
	}
	for i := range l.batches {
		err = errors.Join(err, l.deliver(ctx, i))
	}
	if err != nil {
		return fmt.Errorf("read the last positions: %w", err)
	}
	if err := o.Core.Correct(ctx, l.faulty); err != nil {
		return err
	}
	o.Logger.Info("last positions read from the database", "devices", len(l.devices), "found", l.found, "took", time.Since(begin).Round(time.Millisecond))
	return nil
}

// restoreClocks tells the shards which clocks have fallen back. It comes before
// any position of these devices, because the order rule depends on it.
func (l *loader) restoreClocks(ctx context.Context) error {
	list, err := l.Table.Clocks(ctx, l.devices)
	if err != nil {
		return err
	}
	if len(list) > 0 {
		l.Logger.Warn("devices whose clocks have fallen back are shown under their arrival", "devices", len(list))
	}
	return l.Core.RestoreClocks(ctx, list)
}

// readPositions reads the table until limited ends. Full batches are delivered
// under ctx, so that running out of time loses nothing that was read.
func (l *loader) readPositions(ctx, limited context.Context) error {
	rule := db.LiveRule{Tolerance: l.Tolerance, Difference: l.Difference()}
	return l.Table.LastPositions(limited, l.devices, rule, func(last *db.Last) error {
		if len(last.Faulty) > 0 {
			l.faulty = append(l.faulty, last.Correction())
		}
		if last.Good == nil {
			return nil
		}
		l.found++
		i := l.Core.ShardOf(last.Device)
		if l.batches[i] == nil {
			l.batches[i] = l.Core.AcquireBatch()
		}
		l.batches[i].Positions = append(l.batches[i].Positions, *last.Good)
		if len(l.batches[i].Positions) < l.BatchSize {
			return nil
		}
		return l.deliver(ctx, i)
	})
}

// deliver gives a shard its batch, if it has one.
func (l *loader) deliver(ctx context.Context, i int) error {
	b := l.batches[i]
	if b == nil {
		return nil
	}
	l.batches[i] = nil // the core takes it back
	b.Warm, b.Difference = true, l.Difference().Milliseconds()
	return l.Core.Deliver(ctx, i, b)
}
