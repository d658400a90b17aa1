package engine

import (
	"context"
	"time"

	"pitwall/engine/internal/health"
	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
)

// The intervals at which the servers are pinged, and the time-out of a ping to the
// database. The Redis client has a time-out of its own.
const (
	redisPingEvery      = time.Second
	databasePingEvery   = 5 * time.Second
	databasePingTimeout = 5 * time.Second
)

// setState says why the engine is not ready as a whole; "" means that it is. Any
// goroutine may call it.
func (e *Engine) setState(s string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state = s
}

// readiness is the answer of /readyz: the state of the engine, then the first
// component that is not ready.
func (e *Engine) readiness() (ready bool, reason string) {
	e.mu.Lock()
	reason = e.state
	e.mu.Unlock()
	if reason != "" {
		return false, reason
	}
	err := e.health.Ready()
	if err == nil && e.archive != nil {
		err = e.archive.Ready()
	}
	if err == nil && e.feed != nil {
		err = e.feed.Ready()
	}
	if err != nil {
		return false, err.Error()
	}
	return true, ""
}

// redisGrace is how long Redis may be unreachable before the process is not ready,
// databaseGrace the same for the database.
func (e *Engine) redisGrace() time.Duration    { return graceOf(e.cfg.ReadyRedisAwayMS) }
func (e *Engine) databaseGrace() time.Duration { return graceOf(e.cfg.ArchiveReadyFaultMS) }

// graceOf reads a setting in milliseconds; 0 means that a fault never counts.
func graceOf(n int) time.Duration {
	if n == 0 {
		return health.Never
	}
	return ms(n)
}

// runEvery runs f at an interval, as a component.
func (e *Engine) runEvery(name string, interval time.Duration, f func(ctx context.Context)) {
	e.run(name, func(ctx context.Context) error {
		for pace.Sleep(ctx, interval) == nil {
			f(ctx)
		}
		return nil
	})
}

// watchRedis pings Redis.
func (e *Engine) watchRedis() {
	check := e.health.Check("redis", e.redisGrace())
	e.runEvery("redis watch", redisPingEvery, func(ctx context.Context) {
		if err := e.redis.Ping(ctx, e.cfg.StreamKeys()...); ctx.Err() == nil && (err == nil || redis.IsConnection(err)) {
			check.Report(err)
		}
	})
}

// watchDatabase pings the database. Without the archive, what spectators see does
// not depend on it, so a fault does not count against readiness.
func (e *Engine) watchDatabase() {
	grace := health.Never
	if e.cfg.ArchiveEnabled {
		grace = e.databaseGrace()
	}
	check := e.health.Check("database", grace)
	e.runEvery("database watch", databasePingEvery, func(ctx context.Context) {
		limited, cancel := context.WithTimeout(ctx, databasePingTimeout)
		defer cancel()
		if err := e.db.Ping(limited); ctx.Err() == nil {
			check.Report(err)
		}
	})
}

// listening reports whether notifications of the database arrive. Without them
// changes are seen later, so a fault does not count against readiness.
func (e *Engine) listening(channels []string, err error) {
	for _, channel := range channels {
		e.mu.Lock()
		check := e.listen[channel]
		if check == nil {
			check = e.health.Check("listen "+channel, health.Never)
			e.listen[channel] = check
		}
		e.arrive[channel] = err == nil
		e.mu.Unlock()
		check.Report(err)
	}
}

// watchRights checks that the login in REDIS_URL has the rights that a component
// needs: now, and then at an interval, because an operator can change them.
func (e *Engine) watchRights(ctx context.Context, component string, grace time.Duration, rights []redis.Right) {
	name := "rights of the " + component
	check := e.health.Check(name, grace)
	look := func(ctx context.Context) {
		// An unreachable server is reported by watchRedis.
		if err := e.redis.CheckRights(ctx, rights); ctx.Err() == nil && !redis.IsConnection(err) {
			check.Report(err)
		}
	}
	look(ctx)
	e.runEvery(name, redis.RightsEvery, look)
}

// linkRights are the rights that are needed to count the connections of share links.
// They are checked only with a LINK_SECRET. Without it links are signed with JWT_SECRET,
// and there may be no links at all.
func (e *Engine) linkRights() []redis.Right {
	if e.cfg.LinkSecret == "" && e.cfg.LinkSecretFile == "" {
		return nil
	}
	return redis.Rights("pitwall:link:any", "eval", "zadd", "zcard", "zrem", "zremrangebyscore", "pexpire")
}

// warnOfRights logs once which optional rights of the feed are missing.
func (e *Engine) warnOfRights(ctx context.Context, rights []redis.Right) {
	if err := e.redis.CheckRights(ctx, rights); err != nil && !redis.IsConnection(err) {
		e.log.Warn("without these rights a suspended process with this INSTANCE_ID may keep its connections, and more is read twice after a lost connection", "error", err)
	}
}
