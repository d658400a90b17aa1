package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stepTime bounds each step of the shutdown, beside what is set for draining.
const stepTime = 5 * time.Second

// stop ends everything that was started, in the order of the design: the live
// server, the event map and the feed, the archive, the ops server, Redis,
// Postgres. Each step is bounded; one that fails does not keep the next from
// being taken, and one that finds nothing to end is not spoken of.
func (e *Engine) stop(ctx context.Context) error {
	var errs []error
	for _, s := range []struct {
		name  string
		there bool
		bound time.Duration
		do    func(context.Context) error
	}{
		// The simulator is nobody's input any more once the spectators go.
		{"simulator", e.rooms["simulator"] != nil, stepTime, e.stopSimulator},
		{"live server", e.live != nil, ms(e.cfg.DrainMS) + stepTime, e.stopLive},
		{"event map and feed", e.feed != nil, stepTime, e.stopFeed},
		{"archive", e.archive != nil, 2 * stepTime, e.stopArchive},
		{"ops server", e.rooms["ops server"] != nil, stepTime, e.stopOps},
		{"watches", false, stepTime, e.stopWatches},
		{"redis", e.bulkDoor != nil, stepTime, e.stopRedis},
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

// stopRoom ends a room and waits for it, or for ctx. It returns what went wrong
// while it ended. A room that was never started is no error.
func (e *Engine) stopRoom(ctx context.Context, name string) error {
	r := e.rooms[name]
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

func (e *Engine) stopSimulator(ctx context.Context) error { return e.stopRoom(ctx, "simulator") }

func (e *Engine) stopLive(ctx context.Context) error {
	errs := []error{e.stopRoom(ctx, "lease watch")}
	if e.live != nil {
		errs = append(errs, e.live.Drain(ctx, ms(e.cfg.DrainMS)))
	}
	if e.guard != nil {
		e.guard.Quit()
	}
	if e.front != nil {
		errs = append(errs, e.front.Shutdown(ctx))
	}
	errs = append(errs, e.stopRoom(ctx, "http server"), e.stopRoom(ctx, "live server"))
	return errors.Join(append(errs, e.stopRoom(ctx, "access control"))...)
}

func (e *Engine) stopFeed(ctx context.Context) error {
	errs := []error{
		e.stopRoom(ctx, "event map"), e.stopRoom(ctx, "corrections"), e.stopRoom(ctx, "feed"),
		e.stopRoom(ctx, "shards"), e.stopRoom(ctx, "clocks"), e.stopRoom(ctx, "lease"),
	}
	if e.feed != nil {
		errs = append(errs, e.feed.Close(ctx))
	}
	return errors.Join(errs...)
}

func (e *Engine) stopArchive(ctx context.Context) error { return e.stopRoom(ctx, "archive") }

func (e *Engine) stopOps(ctx context.Context) error {
	if e.ops == nil {
		return nil
	}
	return errors.Join(e.ops.Shutdown(ctx), e.stopRoom(ctx, "ops server"))
}

func (e *Engine) stopRedis(context.Context) error {
	if e.liveDoor != nil {
		e.liveDoor.Close()
	}
	if e.bulkDoor != nil {
		e.bulkDoor.Close()
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
