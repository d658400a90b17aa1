package e2etest

import (
	"context"
	"errors"
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
	asked  bool  // the test was given err
}

// Launch starts an engine and does not wait for it. The caller stops it. The error is
// that of wrong settings.
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
// takes too long, has stopped when AwaitReady returns the error.
func (e *Engine) AwaitReady() error {
	limit := time.NewTimer(Patience)
	defer limit.Stop()
	select {
	case <-e.Engine.Ready():
		e.Addrs = Addrs{HTTP: e.Engine.HTTPAddr(), Ops: e.Engine.OpsAddr()}
		return nil
	case <-e.done:
	case <-limit.C:
	}
	return errors.Join(errors.New("the engine is not ready"), e.Stop())
}

// RequestStop asks the engine to stop and does not wait.
func (e *Engine) RequestStop() { e.cancel() }

// AwaitEnd waits until the engine has ended by itself or was stopped, and returns
// Run's error.
func (e *Engine) AwaitEnd() error {
	e.asked = true
	limit := time.NewTimer(2 * Patience)
	defer limit.Stop()
	select {
	case <-e.done:
		return e.err
	case <-limit.C:
		return errors.New("the engine does not end")
	}
}

// Stop asks the engine to stop, waits for the end and returns Run's error. It
// may be called again.
func (e *Engine) Stop() error {
	e.cancel()
	return e.AwaitEnd()
}

// LaunchReady starts an engine and waits until it is ready.
func LaunchReady(cfg config.Config, log *Log) (*Engine, error) {
	e, err := Launch(cfg, log)
	if err != nil {
		return nil, err
	}
	return e, e.AwaitReady()
}

// ownFlags are those of every engine: free ports of the loopback address, and a short
// shutdown.
var ownFlags = []string{"--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--live-drain-ms=50"}

// launch starts an engine that is stopped when the test ends. Unless the test has
// asked for its error, the engine must end without one. A test that fails shows its log.
func launch(t testing.TB, flags []string) *Engine {
	t.Helper()
	e, err := Launch(MustSettings(t, flags...), new(Log))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		asked := e.asked
		if err := e.Stop(); err != nil && !asked {
			t.Errorf("the engine ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the engine's log:\n%s", e.Log)
		}
	})
	return e
}

// start is launch, and waits until the engine is ready.
func start(t testing.TB, flags []string) *Engine {
	t.Helper()
	e := launch(t, flags)
	if err := e.AwaitReady(); err != nil {
		t.Fatal(err)
	}
	return e
}

// Start runs an engine on embedded backends until the test ends.
func Start(t testing.TB, flags ...string) *Engine {
	t.Helper()
	return EmbeddedBackends(t).Start(t, flags...)
}

// Start runs an engine on the backends until the test ends.
func (b *Backends) Start(t testing.TB, flags ...string) *Engine {
	t.Helper()
	return start(t, b.EngineFlags(flags...))
}

// EngineFlags are the flags of an engine on the backends, on free ports and
// with a short shutdown. Later flags win.
func (b *Backends) EngineFlags(more ...string) []string {
	return slices.Concat(ownFlags, b.Flags, more)
}
