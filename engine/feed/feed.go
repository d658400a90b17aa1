package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/codec"
	"pitwall/engine/internal/health"
	"pitwall/engine/internal/redis"
	"pitwall/shard"
)

// Sink receives batches of positions; *shard.Core is one.
type Sink interface {
	// Shards is the number of shards, the same for the life of the sink.
	Shards() int
	// ShardOf returns the shard that owns a device.
	ShardOf(device string) int
	// AcquireBatch returns an empty batch.
	AcquireBatch() *shard.Batch
	// Deliver takes ownership of a batch, even if it fails, and blocks while the
	// shard is full. It may do the shard's work within the call.
	Deliver(ctx context.Context, shard int, b *shard.Batch) error
}

// Options configure a Feed. Fields without a default are required.
type Options struct {
	Client  *redis.Client
	Streams []string // stream keys, one reader each
	Sink    Sink
	Limits  codec.Limits
	Logger  *slog.Logger
	Metrics *metrics.Set

	// InstanceID names group, consumer and lease. No two processes may share one.
	InstanceID string
	// Ephemeral says that the id belongs to this process alone (NewInstanceID).
	// Its group is destroyed by Close, or by other processes after this one has
	// died.
	Ephemeral bool

	BatchCount int           // most entries of one read; default 512
	Block      time.Duration // how long a read waits for a first entry; default 1 s

	ArchiveGroup string        // Warm starts where this group is; default "durable-write"
	WarmWindow   time.Duration // how far back Warm reads without such a group; default 10 min
	WarmLeast    time.Duration // how far back Warm reads in any case; default 0
	WarmRecords  int           // most records that Warm reads per stream; default 200,000
	WarmTime     time.Duration // most time that Warm takes for all streams; default 10 s

	// FutureTolerance is the difference up to which the clocks of this machine and
	// the Redis server count as equal. Default 0.
	FutureTolerance time.Duration

	// Health receives the state of the feed's streams and leases; default a
	// registry of its own.
	Health *health.Registry
	// ReadyAway is how long a stream may go unread, or the lease unrenewed, before
	// readiness fails: 0 for at once, health.Never for never.
	ReadyAway time.Duration

	LeaseTTL time.Duration // lifetime of the lease, which is renewed five times in it; default 5 s
	LagEvery time.Duration // between two measurements of the lag; default 2 s
	// ReapAfter is how long a process must have been silent before other processes
	// destroy its ephemeral group; default 10 min.
	ReapAfter time.Duration
}

// defaults sets the fields that were left out.
func (o *Options) defaults() {
	o.BatchCount = cmp.Or(max(o.BatchCount, 0), 512)
	o.WarmRecords = cmp.Or(max(o.WarmRecords, 0), 200_000)
	o.Block = cmp.Or(max(o.Block, 0), time.Second)
	o.WarmWindow = cmp.Or(max(o.WarmWindow, 0), 10*time.Minute)
	o.WarmTime = cmp.Or(max(o.WarmTime, 0), 10*time.Second)
	o.LeaseTTL = cmp.Or(max(o.LeaseTTL, 0), 5*time.Second)
	o.LagEvery = cmp.Or(max(o.LagEvery, 0), 2*time.Second)
	o.ReapAfter = cmp.Or(max(o.ReapAfter, 0), 10*time.Minute)
	o.ArchiveGroup = cmp.Or(o.ArchiveGroup, "durable-write")
	if o.Health == nil {
		o.Health = health.New(o.Logger)
	}
}

// ErrLeaseLost is the error of KeepLease and Run when another process holds this
// instance id. The live part must end, because the id belongs to that process.
var ErrLeaseLost = errors.New("another live process has taken this INSTANCE_ID")

// Feed reads the streams for one live process. One goroutine calls the methods, in
// the order of the package documentation; any goroutine may call Ready, Difference
// and Lost.
type Feed struct {
	opt     Options
	log     *slog.Logger
	group   string
	id      *identity
	keySets []*keySet
	meters  meters
	readers []*reader

	arrivals arrivals

	mu      sync.Mutex // guards running
	running bool       // Run has not returned yet
}

// New returns a feed. It does not use Redis yet.
func New(o Options) *Feed {
	o.defaults()
	f := &Feed{
		opt:    o,
		log:    o.Logger,
		group:  GroupName(o.InstanceID),
		meters: newMeters(o.Metrics),
	}
	f.arrivals.through, f.arrivals.servers = map[string]int64{}, map[string]string{}
	f.id = newIdentity(&f.opt, f.log)
	f.keySets = newKeySets(&f.opt, f.id)
	for _, k := range f.keySets {
		for _, stream := range k.streams {
			f.readers = append(f.readers, newReader(f, stream, k.lease))
		}
	}
	return f
}

// CreateGroups records the last id T of each stream and creates the live group
// there, with the stream if there is none. A group that an earlier process with the
// same id left is moved to T.
func (f *Feed) CreateGroups(ctx context.Context) error {
	for _, k := range f.keySets {
		if err := k.register(ctx); err != nil {
			return fmt.Errorf("register the live group: %w", err)
		}
	}
	for _, r := range f.readers {
		if err := r.createGroup(ctx); err != nil {
			return fmt.Errorf("create the live group: %w", err)
		}
	}
	return nil
}

// Run reads everything after T. It returns nil when ctx ends, ErrLeaseLost when the
// lease is lost, and the error of a sink that fails. While Redis is away it retries
// without limit.
func (f *Feed) Run(ctx context.Context) error {
	parent := ctx
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	f.setRunning(true)
	defer f.setRunning(false)

	var all sync.WaitGroup
	for _, r := range f.readers {
		all.Go(func() {
			if err := r.loop(ctx); err != nil {
				cancel(err)
			}
		})
	}
	for _, r := range f.readers {
		all.Go(func() { r.measureLag(ctx, f.opt.LagEvery) })
	}
	all.Go(func() { f.reapLoop(ctx) })
	select {
	case <-ctx.Done():
	case <-f.id.lostSignal:
		cancel(ErrLeaseLost)
	}
	all.Wait()
	if parent.Err() != nil {
		return nil
	}
	return context.Cause(ctx)
}

// Close releases the lease and destroys the ephemeral groups. Call it after Run and
// KeepLease have returned, and after a start that failed. A second call is no error.
func (f *Feed) Close(ctx context.Context) error {
	if !f.isRunning() { // the caller may have stopped waiting for Run
		for _, r := range f.readers {
			r.conn.Close()
		}
	}
	if f.id.isLost() {
		return nil // group and lease belong to the other process
	}
	var errs []error
	for _, k := range f.keySets {
		errs = append(errs, k.unregister(ctx), k.lease.release(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("leave Redis: %w", err)
	}
	return nil
}

func (f *Feed) setRunning(v bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = v
}

func (f *Feed) isRunning() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.running
}

// Ready returns nil while the feed runs, and otherwise why it does not.
// Options.Health has the state of streams and leases.
func (f *Feed) Ready() error {
	if f.id.isLost() {
		return ErrLeaseLost
	}
	if !f.isRunning() {
		return errors.New("the feed is not running")
	}
	return nil
}

// Difference returns this machine's clock minus the Redis server's clock, 0 while
// they agree. With several streams it is the smallest. Any goroutine may call it
// after CreateGroups.
func (f *Feed) Difference() time.Duration {
	smallest := f.readers[0].clock.effective()
	for _, r := range f.readers[1:] {
		if d := r.clock.effective(); max(d, -d) < max(smallest, -smallest) {
			smallest = d
		}
	}
	return time.Duration(smallest) * time.Millisecond
}

// Lost is closed when another process has taken the instance id.
func (f *Feed) Lost() <-chan struct{} { return f.id.lostSignal }
