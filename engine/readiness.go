package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pitwall/engine/internal/health"
	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
)

// How often the servers are asked for a sign of life, and how long the database
// may take to give one. The client of Redis has a bound of its own.
const (
	redisEvery    = time.Second
	databaseEvery = 5 * time.Second
	databaseLook  = 5 * time.Second
)

// setState says why the engine is not ready as a whole, "" when it is. Any
// goroutine may call it.
func (e *Engine) setState(s string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state = s
}

// readiness is what /readyz answers: the state of the engine first, then the first
// component that is not ready.
func (e *Engine) readiness() (ready bool, reason string) {
	e.mu.Lock()
	state := e.state
	e.mu.Unlock()
	if state != "" {
		return false, state
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

// awayGrace is how long Redis may be away before that counts against readiness,
// archiveGrace the same of the database.
func (e *Engine) awayGrace() time.Duration    { return graceOf(e.cfg.ReadyRedisAwayMS) }
func (e *Engine) archiveGrace() time.Duration { return graceOf(e.cfg.ArchiveReadyFaultMS) }

// graceOf is a setting as a grace: 0 is for ever.
func graceOf(n int) time.Duration {
	if n == 0 {
		return health.Never
	}
	return ms(n)
}

// watchRedis starts asking Redis for a sign of life.
func (e *Engine) watchRedis() {
	check := e.health.Check("redis", e.awayGrace())
	e.run("redis watch", func(ctx context.Context) error {
		for pace.Sleep(ctx, redisEvery) == nil {
			if err := e.redis.Ping(ctx, e.cfg.StreamKeys()...); ctx.Err() == nil && (err == nil || redis.IsConnection(err)) {
				check.Report(err)
			}
		}
		return nil
	})
}

// watchDatabase does the same for the database. Without the archive nothing that
// spectators see waits for it, so it does not count against readiness.
func (e *Engine) watchDatabase() {
	grace := health.Never
	if e.cfg.ArchiveEnabled {
		grace = e.archiveGrace()
	}
	check := e.health.Check("database", grace)
	e.run("database watch", func(ctx context.Context) error {
		for pace.Sleep(ctx, databaseEvery) == nil {
			limited, cancel := context.WithTimeout(ctx, databaseLook)
			err := e.db.Ping(limited)
			cancel()
			if ctx.Err() == nil {
				check.Report(err)
			}
		}
		return nil
	})
}

// listening reports whether notifications of the database arrive. Without them
// changes are seen later, so it does not count against readiness.
func (e *Engine) listening(channels []string, err error) {
	for _, channel := range channels {
		e.mu.Lock()
		check := e.listen[channel]
		if check == nil {
			check = e.health.Check("listen "+channel, health.Never)
			e.listen[channel] = check
		}
		e.mu.Unlock()
		check.Report(err)
	}
}

// watchRights checks whether the login in REDIS_URL has the rights that a component
// needs, at once and then from time to time: an operator can take and give them.
func (e *Engine) watchRights(ctx context.Context, component string, grace time.Duration, rights []redis.Right) {
	check := e.health.Check("rights of the "+component, grace)
	look := func(ctx context.Context) {
		// A server that is away is reported by watchRedis.
		if err := e.redis.CheckRights(ctx, rights); ctx.Err() == nil && !redis.IsConnection(err) {
			check.Report(err)
		}
	}
	look(ctx)
	e.run("rights of the "+component, func(ctx context.Context) error {
		for pace.Sleep(ctx, redis.RightsEvery) == nil {
			look(ctx)
		}
		return nil
	})
}

// linkRights are those that counting the connections of share links takes. They are
// checked only with a LINK_SECRET: where links are signed with JWT_SECRET, nobody
// knows whether there will be any.
func (e *Engine) linkRights() []redis.Right {
	if e.cfg.LinkSecret == "" && e.cfg.LinkSecretFile == "" {
		return nil
	}
	return redis.Rights("pitwall:link:any", "eval", "zadd", "zcard", "zrem", "zremrangebyscore", "pexpire")
}

// warnOfRights logs once which rights are missing that the feed can do without.
func (e *Engine) warnOfRights(ctx context.Context, rights []redis.Right) {
	if err := e.redis.CheckRights(ctx, rights); err != nil && !redis.IsConnection(err) {
		e.log.Warn("a suspended process with this INSTANCE_ID may keep its connections, and more is read twice after a lost connection", "reason", err)
	}
}

// stopWatches ends what watches the servers.
func (e *Engine) stopWatches(ctx context.Context) error {
	var errs []error
	for _, name := range []string{"redis watch", "database watch", "rights of the feed", "rights of the archive"} {
		if err := e.stopComponent(ctx, name); err != nil {
			errs = append(errs, fmt.Errorf("stop the %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}
