package engine

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"pitwall/engine/archive"
	"pitwall/engine/embedded"
	"pitwall/engine/eventmap"
	"pitwall/engine/feed"
	"pitwall/engine/front"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/health"
	"pitwall/engine/internal/redis"
	"pitwall/engine/live"
	"pitwall/engine/ops"
	"pitwall/shard"
)

// start starts the components, one after the other. What was started before an error
// is stopped by stop.
func (e *Engine) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		e.startOps, e.openRedis, e.openDatabase, e.importDemo, e.startLive, e.startArchive, e.startSimulator,
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
		Set: e.set, Ready: e.readiness, Parts: e.health.Parts, Extra: e.writeCore, Logger: e.log,
	})
	if err := e.ops.Listen(); err != nil {
		return err
	}
	e.run("ops server", func(context.Context) error { return e.ops.Serve() })
	return nil
}

// openRedis starts the embedded Redis if there is no real one. It opens one client
// for the feed and one for all others, so that bulk reads of the archive never
// delay a live one.
func (e *Engine) openRedis(ctx context.Context) error {
	url := string(e.cfg.RedisURL)
	if url == "" {
		r, err := embedded.StartRedis(embedded.RedisOptions{Addr: e.cfg.EmbeddedRedisAddr, Password: string(e.cfg.EmbeddedRedisPassword)})
		if err != nil {
			return err
		}
		e.embedded = r
		url = r.URL()
	}
	var err error
	if e.redis, err = redis.Open(ctx, redis.Options{URL: url, Logger: e.log}); err != nil {
		return err
	}
	if err := e.redis.CheckStreams(e.cfg.StreamKeys()); err != nil {
		return err
	}
	e.watchRedis()
	if !e.cfg.LiveEnabled {
		return nil
	}
	// The same server as above, so nothing new is worth logging.
	e.feedRedis, err = redis.Open(ctx, redis.Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
	return err
}

// openDatabase opens it, and migrates it or checks its schema.
func (e *Engine) openDatabase(ctx context.Context) error {
	var err error
	o := e.cfg.DatabaseOptions(e.log)
	o.OnListening = e.listening
	if e.db, err = db.Open(ctx, o); err != nil {
		return err
	}
	if err := e.db.CheckWritable(ctx, e.cfg.ArchiveEnabled); err != nil {
		return err
	}
	e.watchDatabase()
	if e.cfg.Migrate || e.cfg.DatabaseURL == "" {
		applied, err := e.db.Migrate(ctx)
		for _, name := range applied {
			e.log.Info("migrated", "file", name)
		}
		if err != nil {
			return fmt.Errorf("migrate the database: %w", err)
		}
	} else if err := e.db.CheckSchema(ctx); err != nil {
		return err
	}
	if n := e.cfg.ArchiveRetentionMonths; n > 0 && e.cfg.ArchiveEnabled {
		if err := e.db.CheckRetention(ctx); err != nil {
			return fmt.Errorf("ARCHIVE_RETENTION_MONTHS is %d, which cannot be kept to: %w", n, err)
		}
	}
	return nil
}

// replayLeast is how far back the streams are read at start in any case: records of a
// clock before ARCHIVE_MIN_TS were shown, but are not in the table.
const replayLeast = 2 * time.Minute

// startLive starts the live part. The groups are created first, which notes the end
// of the stream. Then the map and the last values are read, then the stream from
// that end on. In another order a position could slip through in between.
// Spectators come last.
func (e *Engine) startLive(ctx context.Context) error {
	if e.cfg.InstanceID == "" {
		e.cfg.InstanceID = feed.NewInstanceID()
		e.unnamed = true
	}
	if !e.cfg.LiveEnabled {
		return nil
	}
	var err error
	var deflate func() shard.Deflater
	if e.cfg.Deflate {
		deflate = live.NewDeflater
	}
	e.clocks = archive.NewClocks(e.db, e.log, e.set)
	if e.core, err = shard.New(shard.Config{
		Shards: e.cfg.Shards, Writers: e.cfg.Writers,
		Window: ms(e.cfg.FlushMS), FutureTolerance: ms(e.cfg.FutureToleranceMS),
		RingBytes: e.cfg.RingBytes, RingSlots: e.cfg.RingSlots, Deflate: deflate,
		DeviceRate: e.cfg.DeviceRate, DeviceBytes: e.cfg.DeviceBytes, MaxAttributes: e.cfg.MaxAttributesBytes,
		ClockChanged: e.clocks.Note,
	}); err != nil {
		return err
	}
	f := feed.New(feed.Options{
		Client: e.feedRedis, Streams: e.cfg.StreamKeys(), Sink: e.core, Limits: e.limits(),
		Logger: e.log, Metrics: e.set, InstanceID: e.cfg.InstanceID, Ephemeral: e.unnamed,
		BatchCount: e.cfg.FeedBatch, WarmWindow: ms(e.cfg.WarmWindowMS), WarmLeast: replayLeast, WarmRecords: e.cfg.WarmMax,
		WarmTime: ms(e.cfg.WarmTimeMS), ArchiveGroup: archive.Group, FutureTolerance: ms(e.cfg.FutureToleranceMS),
		Health: e.health, ReadyAway: e.awayGrace(),
	})
	e.watchRights(ctx, "feed", 0, append(f.Rights(), e.linkRights()...))
	e.warnOfRights(ctx, f.Wishes())
	if err := f.AcquireLease(ctx); err != nil {
		return err
	}
	e.feed = f
	e.run("lease", f.KeepLease)
	if err := f.CreateGroups(ctx); err != nil {
		return err
	}
	e.run("shards", e.core.Run)
	e.listing = front.NewListing(e.core, e.log)
	e.events = eventmap.New(eventmap.Options{
		Source: e.db, Notifier: e.db, Target: e.listing, Every: ms(e.cfg.RefreshMS), Logger: e.log, Metrics: e.set,
		Health: e.health.Check("event map", health.Never), // the map in force stays
	})
	if err := e.events.Refresh(ctx); err != nil {
		return err
	}
	if err := e.loadLastValues(ctx); err != nil {
		return err
	}
	e.run("clocks", e.clocks.Run)
	e.run("event map", e.events.Run)
	e.startCorrections()
	e.run("feed", f.Run)
	return e.startFront(ctx)
}

func (e *Engine) startArchive(ctx context.Context) error {
	if !e.cfg.ArchiveEnabled {
		return nil
	}
	writers := e.cfg.ArchiveWriters
	if e.cfg.DatabaseURL == "" {
		writers = 1 // SQLite has one writer: more would be more commits only
	}
	a := archive.New(archive.Options{
		Client: e.redis, Store: e.db, Partitions: e.db, PartitionAhead: e.cfg.ArchivePartitionAhead,
		Retention: e.cfg.ArchiveRetentionMonths, Streams: e.cfg.StreamKeys(), Consumer: e.cfg.InstanceID,
		BatchSize: e.cfg.ArchiveBatch, Writers: writers, Limits: e.limits(), DeadMaxLen: int64(e.cfg.DeadMaxLen), DeadMaxBytes: int64(e.cfg.DeadMaxBytes),
		ClaimInterval: ms(e.cfg.ArchiveClaimIntervalMS), ClaimIdle: ms(e.cfg.ArchiveClaimIdleMS),
		ReadyFault: ms(e.cfg.ArchiveReadyFaultMS), ReadyLag: ms(e.cfg.ArchiveReadyLagMS),
		FlushTimeout: stepTime, Logger: e.log, Metrics: e.set, Health: e.health,
	})
	grace := e.archiveGrace()
	if grace != health.Never {
		grace = 0
	}
	e.watchRights(ctx, "archive", grace, a.Rights())
	a.CheckDeadLetters(ctx)
	e.archive = a
	e.run("archive", a.Run)
	return nil
}
