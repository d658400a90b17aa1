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

	health   *health.Registry // what the parts say of themselves
	embedded *embedded.Redis
	liveDoor *redis.Client // the feed's; nil when the live part is off
	bulkDoor *redis.Client // the archive's and the simulator's
	db       db.Database
	core     *shard.Core
	feed     *feed.Feed
	events   *eventmap.Map
	clocks   *archive.Clocks
	guard    *access.Guard // who decides about spectators; nil without a live part
	listing  *front.Listing
	live     *live.Server
	archive  *archive.Archive
	front    *front.Server // nil without a live part
	ops      *ops.Server

	unnamed bool // INSTANCE_ID was not set; the name is of this process only
	rooms   map[string]*room
	failed  chan error // the first room that ended unasked
	ready   chan struct{}

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
	// One shard per CPU: on two, BenchmarkShards takes in 6.8 M positions a
	// second with one shard, 10.3 M with two and 10.5 M with four, while each
	// doubling costs a delivery 6 % more CPU for pushing the same bytes in more
	// chunks (bench floor, fifty events: 0.95, 1.01 and 1.06 us).
	if cfg.Shards == 0 {
		cfg.Shards = min(cpus, 64)
	}
	if cfg.Writers == 0 {
		cfg.Writers = min(cpus, 64)
	}
	return &Engine{
		cfg: cfg, log: log, set: metrics.NewSet(), health: health.New(log),
		rooms:  make(map[string]*room),
		failed: make(chan error, 1),
		ready:  make(chan struct{}),
		state:  "starting",
		listen: make(map[string]*health.Check),
	}, nil
}

// Run starts everything, serves until ctx ends or a room fails, and stops
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

// limits are the bounds of the codec.
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

// room is a part of the engine that runs.
type room struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	err    error // why it failed while it was being stopped; valid once done is closed
}

// run starts a room's Run on a goroutine that stopRoom waits for. Profiles show
// its name as the label room, of whatever the room starts as well.
func (e *Engine) run(name string, f func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &room{name: name, cancel: cancel, done: make(chan struct{})}
	e.rooms[name] = r
	go func() {
		defer close(r.done)
		var err error
		pprof.Do(ctx, pprof.Labels("room", name), func(ctx context.Context) { err = f(ctx) })
		if ctx.Err() == nil {
			e.ended(name, err) // told by Run
			return
		}
		r.err = err
	}()
}

// ended takes note of a room that ended unasked.
func (e *Engine) ended(name string, err error) {
	if errors.Is(err, feed.ErrLeaseLost) {
		e.setState("lease lost")
		return // leaseLost ends the live part; the archive goes on
	}
	if err == nil {
		err = errors.New("it ended unasked")
	}
	select {
	case e.failed <- fmt.Errorf("%s: %w", name, err):
	default:
	}
}

// What the rooms want of each other, said once.
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
