package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pitwall/engine/corrections"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/health"
	"pitwall/shard"
)

// loadLastValues fills the shards' last values at start: from the table, then from
// the part of the stream that may not be in the table yet.
func (e *Engine) loadLastValues(ctx context.Context) error {
	begin := time.Now()
	batches := make([]*shard.Batch, e.core.Shards())
	send := func(i int) error {
		b := batches[i]
		batches[i] = nil
		if b == nil {
			return nil
		}
		b.Warm, b.Difference = true, e.feed.Difference().Milliseconds()
		return e.core.Deliver(ctx, i, b)
	}
	n := 0
	devices := e.core.Snapshot().DeviceIDs()
	limited, cancel := context.WithTimeout(ctx, ms(e.cfg.WarmTimeMS))
	defer cancel()
	if err := e.restoreClocks(limited, devices); err != nil && (ctx.Err() != nil || limited.Err() == nil) {
		return err // if it took too long, the next step fails as well, and says so
	}
	rule := db.LiveRule{Tolerance: ms(e.cfg.FutureToleranceMS), Difference: e.feed.Difference()}
	var faulty []shard.Correction // points that the stream may bring again
	err := e.db.LastPositions(limited, devices, rule, func(l *db.Last) error {
		if len(l.Faulty) > 0 {
			faulty = append(faulty, l.Correction())
		}
		if l.Good == nil {
			return nil
		}
		i := e.core.ShardOf(l.Device)
		if batches[i] == nil {
			batches[i] = e.core.AcquireBatch()
		}
		batches[i].Positions = append(batches[i].Positions, *l.Good)
		n++
		if len(batches[i].Positions) >= e.cfg.FeedBatch {
			return send(i)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		// Better a start in time with dots that are missing until their devices
		// send again.
		e.log.Warn("reading the last positions from the database took too long and was left off (LIVE_WARM_TIME_MS)",
			"devices", len(devices), "read", n, "after", ms(e.cfg.WarmTimeMS))
		err = nil
	}
	for i := range batches {
		err = errors.Join(err, send(i))
	}
	if err != nil {
		return fmt.Errorf("read the last positions: %w", err)
	}
	if err := e.core.Correct(ctx, faulty); err != nil {
		return err
	}
	e.log.Info("last positions read from the database", "devices", len(devices), "found", n, "took", time.Since(begin).Round(time.Millisecond))
	return e.feed.Warm(ctx)
}

// restoreClocks tells the shards which clocks are known to have fallen back, before
// any position of theirs: the order rule depends on it.
func (e *Engine) restoreClocks(ctx context.Context, devices []string) error {
	list, err := e.db.Clocks(ctx, devices)
	if err != nil {
		return err
	}
	if len(list) > 0 {
		e.log.Warn("devices whose clocks have fallen back are shown under their arrival", "devices", len(list))
	}
	return e.core.RestoreClocks(ctx, list)
}

// startCorrections starts what takes points off the map that were marked faulty.
// SQLite sends no notifications: there marks are seen at the next start.
func (e *Engine) startCorrections() {
	if e.db.Kind() != "postgres" || !e.cfg.NotifyTriggers {
		return
	}
	c := corrections.New(corrections.Options{
		History: e.db, Target: e.core, Tolerance: ms(e.cfg.FutureToleranceMS),
		Difference: e.feed.Difference,
		Devices:    func() []string { return e.core.Snapshot().DeviceIDs() },
		Health:     e.health.Check("corrections", health.Never),
		Logger:     e.log, Metrics: e.set,
	})
	e.run("corrections", c.Run)
}
