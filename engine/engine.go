package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/pprof"
	"sync"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/codec"
	"pitwall/engine/access"
	"pitwall/engine/archive"
	"pitwall/engine/config"
	"pitwall/engine/corrections"
	"pitwall/engine/embedded"
	"pitwall/engine/eventmap"
	"pitwall/engine/feed"
	"pitwall/engine/front"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/health"
	"pitwall/engine/internal/origin"
	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/sdnotify"
	"pitwall/engine/lastvalues"
	"pitwall/engine/live"
	"pitwall/engine/ops"
	"pitwall/shard"
)

// stateStopping is the state from the begin of the shutdown on.
const stateStopping = "stopping"

// Engine is one Pitwall process.
type Engine struct {
	cfg   config.Config
	given config.Config // as New got it, for Reload
	log   *slog.Logger
	set   *metrics.Set

	health    *health.Registry // the state that each component reports
	embedded  *embedded.Redis
	feedRedis *redis.Client // of the feed alone; nil without a live part
	redis     *redis.Client // of all others
	db        db.Database
	core      *shard.Core // nil without a live part, as are the fields up to live
	feed      *feed.Feed
	events    *eventmap.Map
	clocks    *archive.Clocks
	guard     *access.Guard
	listing   *front.Listing
	live      *live.Server
	archive   *archive.Archive
	front     *front.Server // nil without a live part
	ops       *ops.Server
	manager   *sdnotify.Manager // nil unless a service manager wants to be told

	unnamed    bool                  // INSTANCE_ID was not set, so the id was generated for this process
	components map[string]*component // by name; start writes it, and stop reads it afterwards
	failed     chan error            // the error of the first component that ended by itself
	ready      chan struct{}
	hurry      pace.Signal // set by EndLameDuck

	marks   marks
	leftOff bool // the last positions were not read completely; start writes it

	origins origin.List // ALLOWED_ORIGINS, shared by the front and the live server

	mu         sync.Mutex
	inLameDuck bool
	state      string                   // why the engine is not ready; "" when it is
	listen     map[string]*health.Check // by the database's notification channel
	arrive     map[string]bool          // by the same: notifications arrive
	samples    []sample                 // of the counters, the oldest first; none until everything has started
}

// New makes an engine. It connects to nothing and starts nothing. The error, which is
// that of Check, names every setting that is wrong.
func New(cfg config.Config, log *slog.Logger) (*Engine, error) {
	if err := Check(&cfg); err != nil {
		return nil, err
	}
	given := cfg
	if cfg.InstanceID == "" {
		cfg.InstanceID = feed.NewInstanceID()
	}
	log = withInstance(log, cfg.InstanceID)
	cpus := runtime.GOMAXPROCS(0)
	// One shard per CPU. More shards accept no more positions and make each
	// delivery more expensive: the same bytes are pushed in more chunks
	// (BenchmarkShards, bench floor).
	if cfg.Shards == 0 {
		cfg.Shards = min(cpus, 64)
	}
	if cfg.Writers == 0 {
		cfg.Writers = min(cpus, 64)
	}
	return &Engine{
		cfg: cfg, given: given, unnamed: given.InstanceID == "", origins: cfg.Origins(), log: log, set: metrics.NewSet(), health: health.New(log),
		components: make(map[string]*component),
		failed:     make(chan error, 1),
		ready:      make(chan struct{}),
		hurry:      pace.NewSignal(),
		state:      "starting",
		listen:     make(map[string]*health.Check),
		arrive:     make(map[string]bool),
	}, nil
}

// Run starts everything, serves until ctx ends or a component fails, and stops
// everything in order. It returns nil when ctx ended and the stop succeeded. Call
// it once.
func (e *Engine) Run(ctx context.Context) error {
	e.openManager()
	err := e.start(ctx)
	if err == nil {
		close(e.ready)
		e.setState("")
		e.startNotify()
		log := e.log
		if addr := e.HTTPAddr(); addr != "" {
			log = log.With("http", addr)
		}
		log.Info("ready", "ops", e.OpsAddr())
		select {
		case <-ctx.Done():
			e.log.Info("stopping")
			e.setState("stopping")
			err = e.lameDuck()
		case err = <-e.failed:
			e.log.Error("stopping: a component has failed", "error", err)
		}
	}
	e.setState(stateStopping)
	e.tell(e.manager.Stopping())
	stopErr := e.stop(context.WithoutCancel(ctx))
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil // ctx ended during the start
	}
	return errors.Join(err, stopErr)
}

// Ready returns a channel that is closed when the engine serves. Any goroutine may
// use it.
func (e *Engine) Ready() <-chan struct{} { return e.ready }

// HTTPAddr returns the address of the public listener, "" without a live part. It
// may be called once the engine is ready.
func (e *Engine) HTTPAddr() string {
	if e.front == nil {
		return ""
	}
	return e.front.Addr()
}

// OpsAddr returns the address of the private listener. It may be called once the
// engine is ready.
func (e *Engine) OpsAddr() string { return e.ops.Addr() }

// RedisAddr returns the address of the embedded Redis, "" with a real one. It may
// be called once the engine is ready.
func (e *Engine) RedisAddr() string {
	if e.embedded == nil {
		return ""
	}
	return e.embedded.Addr()
}

// limits are the limits that feed and archive decode with. They must be the same, so
// that both accept the same records. There is one exception: the feed shows a record
// dated before MinTS under its arrival, and the archive refuses it.
func (e *Engine) limits() codec.Limits {
	l := codec.DefaultLimits()
	l.MinTS, l.RejectNullIsland = e.cfg.MinTS().UnixMilli(), e.cfg.RejectNullIsland
	return l
}

// component is a part of the engine that has a goroutine.
type component struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // of its stop; valid once done is closed
}

// run starts a component's Run on a goroutine that stopComponents waits for.
// Profiles show the name as the label component, also on the goroutines that the
// component starts.
func (e *Engine) run(name string, f func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	c := &component{cancel: cancel, done: make(chan struct{})}
	e.components[name] = c
	go func() {
		defer close(c.done)
		var err error
		pprof.Do(ctx, pprof.Labels("component", name), func(ctx context.Context) { err = f(ctx) })
		if ctx.Err() == nil {
			e.fail(name, err) // Run returns the error
			return
		}
		c.err = err
	}()
}

// fail handles a component that ended by itself. Only the first one counts: the
// others may have ended because of it.
func (e *Engine) fail(name string, err error) {
	if errors.Is(err, feed.ErrLeaseLost) {
		e.setState("lease lost")
		return // watchLease ends the live part; the archive goes on
	}
	if err == nil {
		err = errors.New("ended without an error")
	}
	select {
	case e.failed <- fmt.Errorf("%s: %w", name, err):
	default:
	}
}

// The compiler checks here that the components fit together, because none of them
// imports another.
var (
	_ access.Store        = db.Database(nil)
	_ access.Slots        = (*redis.Client)(nil)
	_ live.Keeper         = (*access.Guard)(nil)
	_ archive.Store       = db.Database(nil)
	_ archive.Partitions  = db.Database(nil)
	_ archive.ClockStore  = db.Database(nil)
	_ corrections.History = db.Database(nil)
	_ corrections.Target  = (*shard.Core)(nil)
	_ eventmap.Source     = db.Database(nil)
	_ eventmap.Notifier   = db.Database(nil)
	_ eventmap.Target     = (*front.Listing)(nil)
	_ feed.Sink           = (*shard.Core)(nil)
	_ lastvalues.Table    = db.Database(nil)
)
