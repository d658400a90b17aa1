package engine

import (
	"context"
	"fmt"
	"time"

	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/sdnotify"
)

// tellEvery is how often the service manager is told the state, if it does not want to
// hear more often.
const tellEvery = 10 * time.Second

// openManager connects to the service manager, if one has started the process. A fault
// is logged: the process can serve without it.
func (e *Engine) openManager() {
	m, err := sdnotify.FromEnv()
	if err != nil {
		e.log.Warn("the service manager is not told when this process serves", "error", err)
	}
	e.manager = m
}

// tell logs that a message to the service manager has failed.
func (e *Engine) tell(err error) {
	if err != nil {
		e.log.Warn("the service manager was not told", "error", err)
	}
}

// startNotify tells the service manager that the engine serves, and from then on that it
// is alive, at half of the watchdog's time.
func (e *Engine) startNotify() {
	if e.manager == nil {
		return
	}
	e.tell(e.manager.Ready())
	e.run("service manager", e.notify)
}

func (e *Engine) notify(ctx context.Context) error {
	watchdog := e.manager.Watchdog()
	interval := tellEvery
	if watchdog > 0 {
		interval = watchdog / 2
	}
	said := ""
	for {
		status, err := e.alive(ctx, interval/2)
		wait := interval
		switch {
		case err == nil && watchdog > 0:
			e.tell(e.manager.Alive())
		case err != nil && ctx.Err() == nil:
			e.log.Warn("the process does not work, and the watchdog is not told that it does", "error", err)
			wait = interval / 4 // it may work again before the watchdog's time is over
		}
		if status != said {
			e.tell(e.manager.Status(status))
			said = status
		}
		if pace.Sleep(ctx, wait) != nil {
			return nil
		}
	}
}

// alive returns the state in a few words, and an error if the process does not work any
// more, so that only a restart helps. It takes the locks that /readyz takes, and waits
// for an answer of every shard. That Redis or the database is away is no such error: a
// restart would only disconnect the spectators.
func (e *Engine) alive(ctx context.Context, within time.Duration) (status string, err error) {
	status = "serving"
	if ready, reason := e.readiness(); !ready {
		status = "not ready: " + reason
	}
	if e.core == nil || e.stopping() {
		return status, nil
	}
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := e.core.Answer(limited); err != nil && !e.stopping() {
		return fmt.Sprintf("failed: %v", err), err
	}
	return status, nil
}

// stopping reports whether the shutdown has begun: shards that have stopped do not
// answer.
func (e *Engine) stopping() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state == stateStopping
}

// closeManager ends what startNotify has started.
func (e *Engine) closeManager(ctx context.Context) error {
	err := e.stopComponents(ctx, "service manager")
	if cerr := e.manager.Close(); err == nil {
		err = cerr
	}
	return err
}
