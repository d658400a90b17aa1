package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"

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
	"pitwall/engine/internal/redis"
	"pitwall/engine/live"
	"pitwall/engine/ops"
	"pitwall/shard"
)

// Engine is one Pitwall process.
type Engine struct {
	cfg config.Config
	log *slog.Logger
	set *metrics.Set

	health    *health.Registry // what the components report about themselves
	embedded  *embedded.Redis
	feedRedis *redis.Client // of the feed alone; nil without a live part
	redis     *redis.Client // of all others
	db        db.Database
	core      *shard.Core // nil without a live part, as the next ones
	feed      *feed.Feed
	events    *eventmap.Map
	clocks    *archive.Clocks
	guard     *access.Guard // who decides about spectators; nil without a live part
	listing   *front.Listing
	live      *live.Server
	archive   *archive.Archive
	front     *front.Server // nil without a live part
	ops       *ops.Server

	unnamed    bool                  // INSTANCE_ID was not set; the name is of this process only
	components map[string]*component // by name; written by start only, read by stop after it
	failed     chan error            // the first component that ended unasked
	ready      chan struct{}

	mu     sync.Mutex
	state  string                   // why the engine is not ready, "" when it is
	listen map[string]*health.Check // by channel of the database
}

// New makes an engine. Nothing is opened or started before Run. The error
// names every setting that is wrong.
func New(cfg config.Config, log *slog.Logger) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cpus := runtime.GOMAXPROCS(0)
	// One shard per CPU. More shards take in no more positions, and make each
	// delivery dearer: the same bytes are pushed in more chunks (BenchmarkShards,
	// bench floor).
	if cfg.Shards == 0 {
		cfg.Shards = min(cpus, 64)
	}
	if cfg.Writers == 0 {
		cfg.Writers = min(cpus, 64)
	}
	return &Engine{
		cfg: cfg, log: log, set: metrics.NewSet(), health: health.New(log),
		components: make(map[string]*component),
		failed:     make(chan error, 1),
		ready:      make(chan struct{}),
		state:      "starting",
		listen:     make(map[string]*health.Check),
	}, nil
}

// Run starts everything, serves until ctx ends or a component fails, and stops
// everything in order. It returns nil after a stop that was asked for. Call it
// once.
func (e *Engine) Run(ctx context.Context) error {
	err := e.start(ctx)
	if err == nil {
		close(e.ready)
		e.setState("")
		log := e.log
		if addr := e.HTTPAddr(); addr != "" {
			log = log.With("http", addr)
		}
		log.Info("ready", "ops", e.OpsAddr(), "instance", e.cfg.InstanceID)
		select {
		case <-ctx.Done():
			e.log.Info("stopping")
		case err = <-e.failed:
			e.log.Error("stopping, since a part has failed", "error", err)
		}
	}
	e.setState("stopping")
	stopErr := e.stop(context.WithoutCancel(ctx))
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil // asked to stop while starting
	}
	return errors.Join(err, stopErr)
}

// Ready is closed when the engine serves. Any goroutine may use it.
func (e *Engine) Ready() <-chan struct{} { return e.ready }

// HTTPAddr is where the public listener listens, "" without a live part. It
// may be read once the engine is ready.
func (e *Engine) HTTPAddr() string {
	if e.front == nil {
		return ""
	}
	return e.front.Addr()
}

// OpsAddr is where the private listener listens. It may be read once the
// engine is ready.
func (e *Engine) OpsAddr() string { return e.ops.Addr() }

// RedisAddr is where the embedded Redis listens, "" with a real one. It may be
// read once the engine is ready.
func (e *Engine) RedisAddr() string {
	if e.embedded == nil {
		return ""
	}
	return e.embedded.Addr()
}

// limits are the bounds that feed and archive decode with. They must be the same:
// what one refuses the other must not show.
func (e *Engine) limits() codec.Limits {
	l := codec.DefaultLimits()
	t, err := time.Parse(time.RFC3339, e.cfg.ArchiveMinTS)
	if err != nil {
		panic(err) // Validate has parsed it before
	}
	l.MinTS = t.UnixMilli()
	l.RejectNullIsland = e.cfg.RejectNullIsland
	return l
}

// component is a part of the engine that runs.
type component struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	err    error // why it failed while it was being stopped; valid once done is closed
}

// run starts a component's Run on a goroutine that stopComponent waits for.
// Profiles show its name as the label component, on the goroutines that it starts
// as well.
func (e *Engine) run(name string, f func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &component{name: name, cancel: cancel, done: make(chan struct{})}
	e.components[name] = r
	go func() {
		defer close(r.done)
		var err error
		pprof.Do(ctx, pprof.Labels("component", name), func(ctx context.Context) { err = f(ctx) })
		if ctx.Err() == nil {
			e.ended(name, err) // Run returns it
			return
		}
		r.err = err
	}()
}

// ended notes a component that ended unasked. Only the first one counts: the
// others may have ended because of it.
func (e *Engine) ended(name string, err error) {
	if errors.Is(err, feed.ErrLeaseLost) {
		e.setState("lease lost")
		return // watchLease ends the live part; the archive goes on
	}
	if err == nil {
		err = errors.New("it ended unasked")
	}
	select {
	case e.failed <- fmt.Errorf("%s: %w", name, err):
	default:
	}
}

// What the components want of each other. The compiler checks it here, since none
// of them imports another.
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
)
