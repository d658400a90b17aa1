package e2etest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pitwall/engine"
	"pitwall/engine/config"
)

// Engine is an engine that runs in this process.
type Engine struct {
	Addrs  // set once it is ready
	Engine *engine.Engine
	Config config.Config // as it was given, without the defaults that depend on the machine
	Log    *Log

	cancel context.CancelFunc
	done   chan struct{}
	err    error // of Run, once done is closed
}

// Launch starts an engine and does not wait for it. Whoever launches it calls
// Stop. The error is that of settings that are wrong.
func Launch(cfg config.Config, log *Log) (*Engine, error) {
	run, err := engine.New(cfg, log.Logger())
	if err != nil {
		return nil, err
	}
	e := &Engine{Engine: run, Config: cfg, Log: log, done: make(chan struct{})}
	var ctx context.Context
	ctx, e.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(e.done)
		e.err = run.Run(ctx)
	}()
	return e, nil
}

// AwaitReady waits until the engine is ready. An engine that ends before, or
// takes too long, is stopped when AwaitReady returns its error.
func (e *Engine) AwaitReady() error {
	limit := time.NewTimer(Patience)
	defer limit.Stop()
	select {
	case <-e.Engine.Ready():
		e.Addrs = Addrs{HTTP: e.Engine.HTTPAddr(), Ops: e.Engine.OpsAddr()}
		return nil
	case <-e.done:
		e.cancel()
		if e.err == nil {
			return errors.New("the engine ended before it was ready, and returned no error")
		}
		return e.err
	case <-limit.C:
		return errors.Join(errors.New("the engine is not ready"), e.Stop())
	}
}

// Done is closed when Run has returned.
func (e *Engine) Done() <-chan struct{} { return e.done }

// Err is what Run returned. It may be called once Done is closed.
func (e *Engine) Err() error { return e.err }

// RequestStop asks the engine to stop and does not wait.
func (e *Engine) RequestStop() { e.cancel() }

// Stop asks the engine to stop, waits for the end and returns Run's error. It
// may be called again.
func (e *Engine) Stop() error {
	e.cancel()
	limit := time.NewTimer(2 * Patience)
	defer limit.Stop()
	select {
	case <-e.done:
		return e.err
	case <-limit.C:
		return errors.New("the engine does not stop")
	}
}

// LaunchReady starts an engine and waits until it is ready.
func LaunchReady(cfg config.Config, log *Log) (*Engine, error) {
	e, err := Launch(cfg, log)
	if err != nil {
		return nil, err
	}
	return e, e.AwaitReady()
}

// freePorts has an engine listen on any ports of the loopback address.
var freePorts = []string{"--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0"}

// Start runs an engine on embedded backends until the test ends.
func Start(t testing.TB, flags ...string) *Engine {
	t.Helper()
	return EmbeddedBackends(t).Start(t, flags...)
}

// Start runs an engine on the backends until the test ends.
func (b *Backends) Start(t testing.TB, flags ...string) *Engine {
	t.Helper()
	e, err := LaunchReady(MustSettings(t, b.EngineFlags(flags...)...), new(Log))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(fmt.Errorf("stop the engine: %w", err))
		}
	})
	return e
}

// EngineFlags are the flags of an engine on the backends, on free ports and
// with a short shutdown. Later flags win.
func (b *Backends) EngineFlags(more ...string) []string {
	return slices.Concat(freePorts, []string{"--live-drain-ms=50"}, b.Flags, more)
}
