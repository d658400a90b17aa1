package doctor

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/codec"
	"pitwall/engine/archive"
	"pitwall/engine/feed"
	"pitwall/engine/internal/redis"
	"pitwall/shard"
)

// almostFull is the share of maxmemory from which Redis is reported.
const almostFull = 0.8

// redis looks at the server of REDIS_URL.
func (e *examination) redis(ctx context.Context) {
	if e.cfg.RedisURL == "" {
		e.warn("Redis", "set REDIS_URL for an event that matters", "the embedded Redis is used: what is not archived yet is lost when the process ends")
		return
	}
	log := slog.New(slog.DiscardHandler)
	c, err := redis.Open(ctx, redis.Options{URL: string(e.cfg.RedisURL), Logger: log, Patience: time.Second})
	if err != nil {
		e.fail("Redis", "start the server, or correct REDIS_URL (host, port, login, TLS)", "%v", err)
		return
	}
	defer c.Close()
	keys := e.cfg.StreamKeys()
	if err := c.CheckStreams(keys); err != nil {
		e.fail("Redis", "change TELEMETRY_STREAMS", "%v", err)
		return
	}
	e.redisNodes(ctx, c, keys)
	e.redisRights(ctx, c, log)
	for _, key := range keys {
		e.stream(ctx, c, key)
	}
	if ahead, took, err := redisClock(ctx, c, keys[0]); err != nil {
		e.warn("clock of Redis", "grant the right to TIME (+time)", "%v", err)
	} else {
		e.ahead = append(e.ahead, clock{"Redis", ahead, took})
	}
}

// redisNodes looks at the server of each stream: there are several in a Cluster.
func (e *examination) redisNodes(ctx context.Context, c *redis.Client, keys []string) {
	on := map[string]int{} // streams by the server that they are on
	for _, key := range keys {
		f, err := c.Examine(ctx, key)
		switch {
		case err != nil:
			e.warn("Redis", "grant the right to INFO (+info) to see version, memory and persistence here", "it is reachable: %v", err)
			return
		case f.Embedded:
			e.ok("Redis", "the embedded Redis of another process is reachable")
			return
		}
		if on[f.RunID]++; on[f.RunID] == 1 {
			e.ok("Redis", "%s is reachable", f.Server)
			e.redisFacts(&f)
		}
	}
	const check = "streams in the Cluster"
	switch {
	case !c.IsCluster():
	case len(keys) > 1 && len(on) == 1:
		e.warn(check, "name the streams so that their keys have other slots (CLUSTER KEYSLOT), without a common {tag}", "all %d streams are on one node, which does the work of all", len(keys))
	default:
		e.ok(check, "%d of them, on %d nodes", len(keys), len(on))
	}
}

// redisFacts judges memory, persistence and role.
func (e *examination) redisFacts(f *redis.Facts) {
	const keep = "CONFIG SET maxmemory-policy noeviction, and the same in redis.conf"
	switch {
	case f.Policy == "noeviction":
		e.ok("Redis memory", "maxmemory-policy is noeviction, %.0f %% of maxmemory is used", 100*f.Full)
	case f.Full > 0 && strings.HasPrefix(f.Policy, "allkeys"):
		e.fail("Redis memory", keep, "maxmemory-policy is %s: when the memory is full, Redis deletes the stream with all its records", f.Policy)
	default:
		e.warn("Redis memory", keep, "maxmemory-policy is %s: when a maxmemory is reached, Redis deletes keys that Pitwall needs", f.Policy)
	}
	if f.Full > almostFull {
		e.warn("Redis memory", "raise maxmemory, or trim the streams (XADD … MAXLEN ~ n)", "%.0f %% of maxmemory is used; a full Redis takes no record", 100*f.Full)
	}
	if f.AppendOnly {
		e.ok("Redis persistence", "appendonly is yes")
	} else {
		e.warn("Redis persistence", "CONFIG SET appendonly yes, and the same in redis.conf", "appendonly is no: records that are not archived yet are lost when Redis crashes")
	}
	if len(f.Failed) > 0 {
		e.fail("Redis persistence", "look at the disk and the log of Redis", "the last write to disk failed: %s", strings.Join(f.Failed, ", "))
	}
	if f.Replica {
		e.fail("Redis role", "give the address of the primary in REDIS_URL, or use Sentinel (?master_set=name)", "the server is a replica, which refuses writes")
	}
}

// redisRights compares the rights of the login with those that serve checks.
func (e *examination) redisRights(ctx context.Context, c *redis.Client, log *slog.Logger) {
	const check, grant = "rights in Redis", "ACL SETUSER <login> with the rights that are missing; see the page about operating"
	needed, wished, err := e.neededRights(c, log)
	if err != nil {
		e.fail(check, "", "%v", err)
		return
	}
	switch err := c.CheckRights(ctx, needed); {
	case redis.IsConnection(err):
		e.fail(check, "try again", "%v", err)
	case err != nil:
		e.fail(check, grant, "%v", err)
	default:
		e.ok(check, "the login has the %d rights that are needed", len(needed))
	}
	if err := c.CheckRights(ctx, wished); err != nil && !redis.IsConnection(err) {
		e.warn(check, grant, "Pitwall works, but reads more twice after a lost connection: %v", err)
	}
}

// neededRights asks the parts that would run.
func (e *examination) neededRights(c *redis.Client, log *slog.Logger) (needed, wished []redis.Right, err error) {
	keys, set, limits := e.cfg.StreamKeys(), metrics.NewSet(), codec.DefaultLimits()
	if e.cfg.LiveEnabled {
		core, err := shard.New(shard.Config{Shards: 1, Writers: 1, RingBytes: 1 << 20, RingSlots: 64})
		if err != nil {
			return nil, nil, err
		}
		f := feed.New(feed.Options{Client: c, Streams: keys, Sink: core, Limits: limits, Logger: log, Metrics: set, InstanceID: "doctor"})
		needed, wished = f.Rights(), f.Wishes()
	}
	if e.cfg.ArchiveEnabled {
		a := archive.New(archive.Options{Client: c, Streams: keys, Consumer: "doctor", Limits: limits, Logger: log, Metrics: set})
		needed = append(needed, a.Rights()...)
	}
	return needed, wished, nil
}

// lateArchive is the lag from which the archive is reported.
const lateArchive = time.Minute

// stream compares what a stream keeps with what the archive has.
func (e *examination) stream(ctx context.Context, c *redis.Client, key string) {
	check := "stream " + key
	s, err := c.State(ctx, key, archive.Group)
	if err != nil {
		e.warn(check, "see the findings above", "%v", err)
		return
	}
	if n, err := c.Length(ctx, c.DeadKey(key)); err == nil && n > 0 {
		e.warn(check, "pitwall dead list shows them and why; pitwall dead replay tries again", "there are %d dead letters: records that could not be written", n)
	}
	switch done := archived(&s); {
	case s.Length == 0 && s.Pending.Count == 0:
		e.ok(check, "it is empty")
	case !e.cfg.ArchiveEnabled:
		e.ok(check, "it has %d records", s.Length)
	case !s.Group:
		e.ok(check, "it has %d records, and no archive has read it yet: the first one begins with the oldest", s.Length)
	case s.Pending.Count > 0 && (s.Length == 0 || s.Pending.Oldest.Less(s.First)):
		e.fail(check, "keep more (a larger MAXLEN), and run an archive that is fast enough", "records were trimmed before they were archived: those are lost")
	default:
		e.judgeLag(check, &s, between(s.Last, done), between(s.Last, s.First))
	}
}

// judgeLag compares the lag of the archive with the time that the stream keeps.
func (e *examination) judgeLag(check string, s *redis.StreamState, lag, kept time.Duration) {
	trimmed := s.Added > s.Length
	switch {
	case trimmed && lag > time.Second && 2*lag > kept:
		e.fail(check, "keep more (a larger MAXLEN), or find out why the archive is slow: records that are trimmed before they are archived are lost",
			"the archive is %v behind, and the stream keeps only %v", lag.Round(time.Second), kept.Round(time.Second))
	case lag > lateArchive:
		e.warn(check, "look at /readyz of the archive and at the load of the database", "the archive is %v behind the newest record", lag.Round(time.Second))
	default:
		e.ok(check, "it has %d records over %v, and the archive is %v behind", s.Length, kept.Round(time.Second), lag.Round(time.Millisecond))
	}
}

// archived is the id up to which all is archived.
func archived(s *redis.StreamState) redis.ID {
	if s.Pending.Count > 0 {
		return s.Pending.Oldest
	}
	if s.Delivered.Less(s.First) {
		return s.First
	}
	return s.Delivered
}

// between is the time between two entries, at least 0.
func between(newest, oldest redis.ID) time.Duration {
	if newest.Ms <= oldest.Ms {
		return 0
	}
	return time.Duration(newest.Ms-oldest.Ms) * time.Millisecond
}

// redisClock returns how far the clock of Redis is ahead of this machine's.
func redisClock(ctx context.Context, c *redis.Client, key string) (ahead, took time.Duration, err error) {
	begin := time.Now()
	at, err := c.Time(ctx, key)
	if err != nil {
		return 0, 0, err
	}
	took = time.Since(begin)
	return at.Sub(begin.Add(took / 2)), took, nil
}
