package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stepTime bounds each step of the shutdown, on top of LIVE_DRAIN_MS.
const stepTime = 5 * time.Second

// stop ends everything that was started, in the order of the design: the live
// server, the event map and the feed, the archive, the ops server, Redis,
// Postgres. Each step is bounded. One that fails does not keep the next from being
// taken, and one that has nothing to end is not logged.
func (e *Engine) stop(ctx context.Context) error {
	var errs []error
	for _, s := range []struct {
		name  string
		there bool
		bound time.Duration
		do    func(context.Context) error
	}{
		// First: once the spectators go, nobody needs what it sends.
		{"simulator", e.components["simulator"] != nil, stepTime, e.stopSimulator},
		{"live server", e.live != nil, ms(e.cfg.DrainMS) + stepTime, e.stopLive},
		{"event map and feed", e.feed != nil, stepTime, e.stopFeed},
		{"archive", e.archive != nil, 2 * stepTime, e.stopArchive},
		{"ops server", e.components["ops server"] != nil, stepTime, e.stopOps},
		{"watches", false, stepTime, e.stopWatches},
		{"redis", e.redis != nil, stepTime, e.stopRedis},
		{"database", e.db != nil, stepTime, e.stopDatabase},
	} {
		begin := time.Now()
		limited, cancel := context.WithTimeout(ctx, s.bound)
		err := s.do(limited)
		cancel()
		if err != nil {
			err = fmt.Errorf("stop the %s: %w", s.name, err)
			errs = append(errs, err)
			e.log.Warn("stopped", "step", s.name, "took", time.Since(begin).Round(time.Millisecond), "error", err)
			continue
		}
		if s.there {
			e.log.Info("stopped", "step", s.name, "took", time.Since(begin).Round(time.Millisecond))
		}
	}
	return errors.Join(errs...)
}

// stopComponent ends a component and waits for it, or for ctx. It returns what went
// wrong while it ended. A component that was never started is no error.
func (e *Engine) stopComponent(ctx context.Context, name string) error {
	r := e.components[name]
	if r == nil {
		return nil
	}
	r.cancel()
	select {
	case <-r.done:
		if r.err != nil {
			return fmt.Errorf("%s: %w", name, r.err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", name, ctx.Err())
	}
}

func (e *Engine) stopSimulator(ctx context.Context) error { return e.stopComponent(ctx, "simulator") }

func (e *Engine) stopLive(ctx context.Context) error {
	errs := []error{e.stopComponent(ctx, "lease watch")}
	if e.live != nil {
		errs = append(errs, e.live.Drain(ctx, ms(e.cfg.DrainMS)))
	}
	if e.guard != nil {
		e.guard.Close()
	}
	if e.front != nil {
		errs = append(errs, e.front.Shutdown(ctx))
	}
	errs = append(errs, e.stopComponent(ctx, "http server"), e.stopComponent(ctx, "live server"))
	return errors.Join(append(errs, e.stopComponent(ctx, "access control"))...)
}

func (e *Engine) stopFeed(ctx context.Context) error {
	errs := []error{
		e.stopComponent(ctx, "event map"), e.stopComponent(ctx, "corrections"), e.stopComponent(ctx, "feed"),
		e.stopComponent(ctx, "shards"), e.stopComponent(ctx, "clocks"), e.stopComponent(ctx, "lease"),
	}
	if e.feed != nil {
		errs = append(errs, e.feed.Close(ctx))
	}
	return errors.Join(errs...)
}

func (e *Engine) stopArchive(ctx context.Context) error { return e.stopComponent(ctx, "archive") }

func (e *Engine) stopOps(ctx context.Context) error {
	if e.ops == nil {
		return nil
	}
	return errors.Join(e.ops.Shutdown(ctx), e.stopComponent(ctx, "ops server"))
}

func (e *Engine) stopRedis(context.Context) error {
	if e.feedRedis != nil {
		e.feedRedis.Close()
	}
	if e.redis != nil {
		e.redis.Close()
	}
	if e.embedded != nil {
		return e.embedded.Close()
	}
	return nil
}

func (e *Engine) stopDatabase(context.Context) error {
	if e.db != nil {
		e.db.Close()
	}
	return nil
}
