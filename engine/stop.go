package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stepTimeout bounds each step of the shutdown, in addition to LIVE_DRAIN_MS.
const stepTimeout = 5 * time.Second

// stopStep is one step of the shutdown.
type stopStep struct {
	name    string
	log     bool // there is something to stop
	timeout time.Duration
	do      func(context.Context) error
}

// stopSteps are the steps of the shutdown in their order.
func (e *Engine) stopSteps() []stopStep {
	return []stopStep{
		// First, so that it publishes nothing while the other components stop.
		{"simulator", e.components["simulator"] != nil, stepTimeout, e.stopper("simulator")},
		{"live server", e.live != nil, ms(e.cfg.DrainMS) + stepTimeout, e.stopLive},
		{"event map and feed", e.feed != nil, stepTimeout, e.stopFeed},
		{"archive", e.archive != nil, 2 * stepTimeout, e.stopper("archive")},
		{"ops server", e.components["ops server"] != nil, stepTimeout, e.stopOps},
		{"watches", false, stepTimeout, e.stopper("database trim", "rates", "redis watch", "database watch", "rights of the feed", "rights of the archive")},
		{"redis", e.redis != nil, stepTimeout, e.closeRedis},
		{"database", e.db != nil, stepTimeout, e.closeDatabase},
		// Last: the watchdog watches the shutdown as well.
		{"service manager", false, stepTimeout, e.closeManager},
	}
}

// stop stops everything that was started, in the order of the package's
// documentation. Each step has a deadline, and a step that fails does not keep the
// next ones from running. Only steps that had something to stop are logged.
func (e *Engine) stop(ctx context.Context) error {
	var errs []error
	for _, s := range e.stopSteps() {
		begin := time.Now()
		limited, cancel := context.WithTimeout(ctx, s.timeout)
		err := s.do(limited)
		cancel()
		log := e.log.With("step", s.name, "took", time.Since(begin).Round(time.Millisecond))
		if err != nil {
			errs = append(errs, fmt.Errorf("stop the %s: %w", s.name, err))
			log.Warn("stopped", "error", err)
		} else if s.log {
			log.Info("stopped")
		}
	}
	return errors.Join(errs...)
}

// stopComponents cancels components, one after the other, and waits for each until
// ctx ends. It returns the errors of their ends. A component that was never started
// is passed over.
func (e *Engine) stopComponents(ctx context.Context, names ...string) error {
	var errs []error
	for _, name := range names {
		c := e.components[name]
		if c == nil {
			continue
		}
		c.cancel()
		var err error
		select {
		case <-c.done:
			err = c.err
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// stopper returns a step that only stops components.
func (e *Engine) stopper(names ...string) func(context.Context) error {
	return func(ctx context.Context) error { return e.stopComponents(ctx, names...) }
}

func (e *Engine) stopLive(ctx context.Context) error {
	errs := []error{e.stopComponents(ctx, "lease watch")}
	if e.live != nil {
		errs = append(errs, e.live.Drain(ctx, ms(e.cfg.DrainMS)))
	}
	if e.guard != nil {
		e.guard.Close()
	}
	if e.front != nil {
		errs = append(errs, e.front.Shutdown(ctx))
	}
	return errors.Join(append(errs, e.stopComponents(ctx, "http server", "live server", "access control"))...)
}

func (e *Engine) stopFeed(ctx context.Context) error {
	err := e.stopComponents(ctx, "event map", "corrections", "feed", "shards", "clocks", "lease")
	if e.feed != nil {
		err = errors.Join(err, e.feed.Close(ctx))
	}
	return err
}

func (e *Engine) stopOps(ctx context.Context) error {
	if e.ops == nil {
		return nil
	}
	return errors.Join(e.ops.Shutdown(ctx), e.stopComponents(ctx, "ops server"))
}

func (e *Engine) closeRedis(context.Context) error {
	if e.feedRedis != nil {
		e.feedRedis.Close()
	}
	if e.redis != nil {
		e.redis.Close()
	}
	if e.embedded == nil {
		return nil
	}
	return e.embedded.Close()
}

func (e *Engine) closeDatabase(context.Context) error {
	if e.db != nil {
		e.db.Close()
	}
	return nil
}
