package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pitwall/engine/archive"
	"pitwall/engine/embedded"
	"pitwall/engine/eventmap"
	"pitwall/engine/feed"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/redis"
	"pitwall/engine/live"
	"pitwall/engine/ops"
	"pitwall/shard"
)

// start brings the rooms up, one after the other. What was started before an
// error is stopped by stop.
func (e *Engine) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		e.startOps, e.openRedis, e.openDatabase, e.startLive, e.startArchive, e.startSimulator,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) startOps(context.Context) error {
	e.ops = ops.New(ops.Options{
		Addr: e.cfg.OpsAddr, Token: string(e.cfg.OpsToken), Profiles: e.cfg.OpsPprof,
		Set: e.set, Ready: e.readiness, Extra: e.writeCore, Logger: e.log,
	})
	if err := e.ops.Listen(); err != nil {
		return err
	}
	e.run("ops server", func(context.Context) error { return e.ops.Serve() })
	return nil
}

// openRedis starts the embedded Redis if there is no real one, and opens a
// door each for the live part and for the bulk of the rest.
func (e *Engine) openRedis(ctx context.Context) error {
	url := e.cfg.RedisURL
	if url == "" {
		r, err := embedded.StartRedis(e.cfg.EmbeddedRedisAddr)
		if err != nil {
			return err
		}
		e.embedded = r
		url = r.URL()
	}
	var err error
	if e.cfg.LiveEnabled {
		if e.liveDoor, err = redis.Open(ctx, redis.Options{URL: url, Logger: e.log}); err != nil {
			return err
		}
	}
	e.bulkDoor, err = redis.Open(ctx, redis.Options{URL: url, Logger: e.log})
	return err
}

// openDatabase opens it and sees to its schema.
func (e *Engine) openDatabase(ctx context.Context) error {
	var err error
	if e.db, err = db.Open(ctx, e.cfg.dbOptions(e.log)); err != nil {
		return err
	}
	if e.cfg.Migrate || e.cfg.DatabaseURL == "" {
		applied, err := e.db.Migrate(ctx)
		for _, name := range applied {
			e.log.Info("migrated", "file", name)
		}
		if err != nil {
			return fmt.Errorf("migrate the database: %w", err)
		}
		return nil
	}
	return e.db.CheckSchema(ctx)
}

// startLive brings the live part up: the end of the stream is noted first,
// then the map and the last values are read, then the stream from there, and
// only then may spectators come.
func (e *Engine) startLive(ctx context.Context) error {
	if e.cfg.InstanceID == "" {
		e.cfg.InstanceID = feed.NewInstanceID()
		e.cfg.ephemeral = true
	}
	if !e.cfg.LiveEnabled {
		return nil
	}
	var err error
	var deflate func() shard.Deflater
	if e.cfg.Deflate {
		deflate = live.NewDeflater
	}
	if e.core, err = shard.New(shard.Config{
		Shards: e.cfg.Shards, Writers: e.cfg.Writers,
		Window: ms(e.cfg.FlushMS), FutureTolerance: ms(e.cfg.FutureToleranceMS),
		RingBytes: e.cfg.RingBytes, RingSlots: e.cfg.RingSlots, Deflate: deflate,
	}); err != nil {
		return err
	}
	f := feed.New(feed.Options{
		Client: e.liveDoor, Streams: e.cfg.streams(), Sink: e.core, Limits: e.limits(),
		Logger: e.log, Metrics: e.set, InstanceID: e.cfg.InstanceID, Ephemeral: e.cfg.ephemeral,
		BatchCount: e.cfg.FeedBatch, WarmWindow: ms(e.cfg.WarmWindowMS), WarmRecords: e.cfg.WarmMax,
		ArchiveGroup: archive.Group,
	})
	if err := f.AcquireLease(ctx); err != nil {
		return err
	}
	e.feed = f
	e.run("lease", f.KeepLease)
	if err := f.CreateGroups(ctx); err != nil {
		return err
	}
	e.run("shards", e.core.Run)
	e.events = eventmap.New(eventmap.Options{
		Source: e.db, Notifier: e.db, Target: e.core, Every: ms(e.cfg.RefreshMS), Logger: e.log, Metrics: e.set,
	})
	if err := e.importDemo(ctx); err != nil {
		return err
	}
	if err := e.events.Refresh(ctx); err != nil {
		return err
	}
	if err := e.warm(ctx); err != nil {
		return err
	}
	e.run("event map", e.events.Run)
	e.startCorrections()
	e.run("feed", f.Run)
	return e.startServer(ctx)
}

// warm fills the shards' last values: from the table, then from what of the
// stream may not be in the table yet.
func (e *Engine) warm(ctx context.Context) error {
	begin := time.Now()
	batches := make([]*shard.Batch, e.core.Shards())
	send := func(i int) error {
		b := batches[i]
		batches[i] = nil
		if b == nil {
			return nil
		}
		b.Warm = true
		return e.core.Deliver(ctx, i, b)
	}
	n := 0
	devices := e.core.Snapshot().DeviceIDs()
	limited, cancel := context.WithTimeout(ctx, ms(e.cfg.WarmTimeMS))
	defer cancel()
	err := e.db.LastPositions(limited, devices, ms(e.cfg.FutureToleranceMS), func(l *db.Last) error {
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
		// A dot that is missing until its device sends again beats a start that
		// takes for ever.
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
	e.log.Info("last positions read from the database", "devices", len(devices), "found", n, "took", time.Since(begin).Round(time.Millisecond))
	return e.feed.Warm(ctx)
}

// startCorrections lets the race office take points off the map. SQLite tells
// nobody of changes: there they are seen at the next start.
func (e *Engine) startCorrections() {
	if e.db.Kind() != "postgres" || !e.cfg.NotifyTriggers {
		return
	}
	c := archive.NewCorrections(archive.CorrectionsOptions{
		History: e.db, Screens: e.core, Tolerance: ms(e.cfg.FutureToleranceMS),
		Devices: func() []string { return e.core.Snapshot().DeviceIDs() },
		Logger:  e.log, Metrics: e.set,
	})
	e.run("corrections", c.Run)
}

func (e *Engine) startArchive(context.Context) error {
	if !e.cfg.ArchiveEnabled {
		return nil
	}
	writers := e.cfg.ArchiveWriters
	if e.cfg.DatabaseURL == "" {
		writers = 1 // SQLite has one writer: more would be more commits only
	}
	a := archive.New(archive.Options{
		Client: e.bulkDoor, Store: e.db, Streams: e.cfg.streams(), Consumer: e.cfg.InstanceID,
		BatchSize: e.cfg.ArchiveBatch, Writers: writers, Limits: e.limits(), DeadMaxLen: int64(e.cfg.DeadMaxLen),
		ClaimInterval: ms(e.cfg.ArchiveClaimIntervalMS), ClaimIdle: ms(e.cfg.ArchiveClaimIdleMS),
		ReadyFault: ms(e.cfg.ArchiveReadyFaultMS), ReadyLag: ms(e.cfg.ArchiveReadyLagMS),
		FlushTimeout: stepTime, Logger: e.log, Metrics: e.set,
	})
	e.archive = a
	e.run("archive", a.Run)
	return nil
}

// startSimulator lets the simulated devices send, by XADD like any ingestion
// service.
func (e *Engine) startSimulator(context.Context) error {
	if e.cfg.Simulate == 0 {
		return nil
	}
	s, err := e.simulator()
	if err != nil {
		return err
	}
	e.run("simulator", s.Run)
	return nil
}

func (e *Engine) simulator() (*embedded.Simulator, error) {
	return embedded.NewSimulator(embedded.Options{
		Devices: e.cfg.Simulate, Publisher: e.bulkDoor, Streams: e.cfg.streams(), Seed: 1, Logger: e.log,
	})
}

// importDemo puts the simulator's event into the roster.
func (e *Engine) importDemo(ctx context.Context) error {
	if e.cfg.Simulate == 0 {
		return nil
	}
	s, err := e.simulator()
	if err != nil {
		return err
	}
	var rows []db.RosterRow
	for i, r := range s.Roster() {
		rows = append(rows, db.RosterRow{Line: i + 1, EventID: r.Event, EntryID: r.Entry, DeviceID: r.Device})
	}
	if _, err := e.db.ImportRoster(ctx, rows, false); err != nil {
		return fmt.Errorf("put the simulated devices into the roster (SIMULATE): %w", err)
	}
	return nil
}
