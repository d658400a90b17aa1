package engine

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"pitwall/engine/archive"
	"pitwall/engine/corrections"
	"pitwall/engine/embedded"
	"pitwall/engine/eventmap"
	"pitwall/engine/feed"
	"pitwall/engine/front"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/health"
	"pitwall/engine/internal/redis"
	"pitwall/engine/lastvalues"
	"pitwall/engine/live"
	"pitwall/engine/ops"
	"pitwall/shard"
)

// start starts the components one after the other. After an error, stop stops those
// that were started.
func (e *Engine) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		e.startOps, e.openRedis, e.openDatabase, e.importDemo, e.startLive, e.startArchive, e.startTrim, e.startSimulator,
		e.startRates,
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
		Instance: e.instance, Activity: e.activity, Device: e.device, Top: e.top,
	})
	if err := e.ops.Listen(); err != nil {
		return err
	}
	e.run("ops server", func(context.Context) error { return e.ops.Serve() })
	return nil
}

// openRedis connects to Redis, or to an embedded one that it starts first. The feed
// has a client of its own, so that bulk reads of the archive never delay a live
// read.
func (e *Engine) openRedis(ctx context.Context) (err error) {
	url := string(e.cfg.RedisURL)
	if url == "" {
		o := embedded.RedisOptions{Addr: e.cfg.EmbeddedRedisAddr, Password: string(e.cfg.EmbeddedRedisPassword)}
		if e.embedded, err = embedded.StartRedis(o); err != nil {
			return err
		}
		url = e.embedded.URL()
	}
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
	// The first client has logged everything about this server.
	e.feedRedis, err = redis.Open(ctx, redis.Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
	return err
}

// openDatabase opens the database, and migrates it or checks its schema.
func (e *Engine) openDatabase(ctx context.Context) (err error) {
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
			return fmt.Errorf("ARCHIVE_RETENTION_MONTHS is %d, which cannot be enforced: %w", n, err)
		}
	}
	return nil
}

// minReplay is how far back the streams are read at start in any case. Records dated
// before ARCHIVE_MIN_TS are shown but not archived, so the table cannot restore them.
const minReplay = 2 * time.Minute

// startLive starts the live part. It creates the consumer groups first, which notes
// the end of the stream, then reads the map and the last values, and then the
// stream from that end on. In another order a position could be missed in between.
// The listener for spectators opens last.
func (e *Engine) startLive(ctx context.Context) error {
	if !e.cfg.LiveEnabled {
		return nil
	}
	if err := e.newCore(); err != nil {
		return err
	}
	f := e.newFeed()
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
		Health: e.health.Check("event map", health.Never), // the current map stays
	})
	if err := e.events.Refresh(ctx); err != nil {
		return err
	}
	if err := lastvalues.Load(ctx, lastvalues.Options{
		Table: e.db, Core: e.core, Tolerance: ms(e.cfg.FutureToleranceMS), Difference: f.Difference,
		Timeout: ms(e.cfg.WarmTimeMS), BatchSize: e.cfg.FeedBatch, Logger: e.log,
		LeftOff: func() { e.leftOff = true },
	}); err != nil {
		return err
	}
	if err := f.Warm(ctx); err != nil {
		return err
	}
	e.run("clocks", e.clocks.Run)
	e.run("event map", e.events.Run)
	e.startCorrections()
	e.run("feed", f.Run)
	return e.startFront(ctx)
}

// newCore makes the shards. They report changes of the devices' clocks to the
// database.
func (e *Engine) newCore() (err error) {
	c := &e.cfg
	e.clocks = archive.NewClocks(e.db, e.log, e.set)
	o := shard.Config{
		Shards: c.Shards, Writers: c.Writers, Window: ms(c.FlushMS), FutureTolerance: ms(c.FutureToleranceMS),
		RingBytes: c.RingBytes, RingSlots: c.RingSlots, DeviceRate: c.DeviceRate, DeviceBytes: c.DeviceBytes,
		MaxAttributes: c.MaxAttributesBytes, ClockChanged: e.clocks.Note,
	}
	if c.Deflate {
		o.Deflate = live.NewDeflater
	}
	e.core, err = shard.New(o)
	return err
}

func (e *Engine) newFeed() *feed.Feed {
	c := &e.cfg
	return feed.New(feed.Options{
		Client: e.feedRedis, Streams: c.StreamKeys(), Sink: e.core, Limits: e.limits(),
		Logger: e.log, Metrics: e.set, InstanceID: c.InstanceID, Ephemeral: e.unnamed,
		BatchCount: c.FeedBatch, WarmWindow: ms(c.WarmWindowMS), WarmLeast: minReplay, WarmRecords: c.WarmMax,
		WarmTime: ms(c.WarmTimeMS), ArchiveGroup: archive.Group, FutureTolerance: ms(c.FutureToleranceMS),
		Health: e.health, ReadyAway: e.redisGrace(),
	})
}

// startCorrections starts taking positions off the map that were marked faulty.
// SQLite sends no notifications: there, marks are seen at the next start.
func (e *Engine) startCorrections() {
	if e.db.Kind() != "postgres" || !e.cfg.NotifyTriggers {
		return
	}
	c := corrections.New(corrections.Options{
		History: e.db, Target: e.core, Tolerance: ms(e.cfg.FutureToleranceMS), Difference: e.feed.Difference,
		Devices: func() []string { return e.core.Snapshot().DeviceIDs() },
		Health:  e.health.Check("corrections", health.Never), Logger: e.log, Metrics: e.set,
	})
	e.marks.applied = c.Applied
	e.run("corrections", c.Run)
}

func (e *Engine) startArchive(ctx context.Context) error {
	if !e.cfg.ArchiveEnabled {
		return nil
	}
	writers := e.cfg.ArchiveWriters
	if e.cfg.DatabaseURL == "" {
		writers = 1 // SQLite has one writer: more of them would only commit more often
	}
	a := archive.New(archive.Options{
		Client: e.redis, Store: e.db, Partitions: e.db, PartitionAhead: e.cfg.ArchivePartitionAhead,
		Retention: e.cfg.ArchiveRetentionMonths, Streams: e.cfg.StreamKeys(), Consumer: e.cfg.InstanceID,
		BatchSize: e.cfg.ArchiveBatch, Writers: writers, Limits: e.limits(), DeadMaxLen: int64(e.cfg.DeadMaxLen), DeadMaxBytes: int64(e.cfg.DeadMaxBytes),
		ClaimInterval: ms(e.cfg.ArchiveClaimIntervalMS), ClaimIdle: ms(e.cfg.ArchiveClaimIdleMS),
		ReadyFault: ms(e.cfg.ArchiveReadyFaultMS), ReadyLag: ms(e.cfg.ArchiveReadyLagMS),
		FlushTimeout: stepTimeout, Logger: e.log, Metrics: e.set, Health: e.health,
	})
	grace := min(e.databaseGrace(), 0) // a missing right counts at once, or never (-1)
	e.watchRights(ctx, "archive", grace, a.Rights())
	a.CheckDeadLetters(ctx)
	e.archive = a
	e.run("archive", a.Run)
	return nil
}
