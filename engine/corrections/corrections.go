package corrections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/db"
	"pitwall/engine/internal/health"
	"pitwall/engine/internal/pace"
	"pitwall/shard"
)

// History is what a Corrector reads, and hears of changes from.
type History interface {
	// LastPositions calls fn with what is known of the newest positions of
	// devices, newest by rule; Last is lent for the call.
	LastPositions(ctx context.Context, devices []string, rule db.LiveRule, fn func(*db.Last) error) error
	// Listen blocks until ctx ends. It calls ready whenever it has begun to
	// listen anew and fn at every notification, on its own goroutine.
	Listen(ctx context.Context, channels []string, ready func(), fn func(channel, payload string)) error
}

// Target is where last positions are shown from: *shard.Core.
type Target interface {
	// Correct returns when all devices of the list have fallen back.
	Correct(ctx context.Context, list []shard.Correction) error
}

// Options are what a Corrector needs. All but Health are required.
type Options struct {
	History History
	Target  Target
	// Devices lists the devices that are shown: all are looked at when
	// notifications may have been missed.
	Devices func() []string
	// Tolerance is how far a device's time may be off its arrival.
	Tolerance time.Duration
	// Difference is how far this process's clock is now ahead of the Redis
	// server's, called on the goroutine of Run.
	Difference func() time.Duration
	// Health takes whether points can be looked up; may be nil.
	Health  *health.Check
	Logger  *slog.Logger
	Metrics *metrics.Set
}

// Corrector takes points off the map that are marked faulty in the table
// after they were shown, and brings back those whose mark was taken back.
type Corrector struct {
	opt      Options
	lookups  *metrics.Counter // devices looked at
	failures *metrics.Counter
	wakeup   chan struct{} // something is noted; one is enough
	fault    pace.LogLimiter

	mu      sync.Mutex
	pending map[string]bool // devices with changed marks
	all     bool            // some may have been missed, or are too many to note
}

// maxPending bounds the devices that are noted one by one.
const maxPending = 100_000

// burstGap is the time in which marks of a burst are gathered, and
// correctAtOnce how many devices are looked at in one query.
const (
	burstGap      = 100 * time.Millisecond
	correctAtOnce = 1000
)

// New makes a Corrector and registers its metrics. It starts nothing.
func New(o Options) *Corrector {
	return &Corrector{
		opt: o, wakeup: make(chan struct{}, 1), pending: map[string]bool{},
		lookups:  o.Metrics.GetOrCreateCounter("processor_archive_correction_lookups_total"),
		failures: o.Metrics.GetOrCreateCounter("processor_archive_correction_failures_total"),
	}
}

// Run corrects until ctx ends, and returns nil then. Without a database it
// waits.
func (c *Corrector) Run(ctx context.Context) error {
	var own sync.WaitGroup
	own.Go(func() { c.listen(ctx) })
	var pause pace.Backoff
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-c.wakeup:
			_ = pace.Sleep(ctx, burstGap) // the loop looks at ctx
			devices := c.take()
			err := c.correct(ctx, devices)
			if ctx.Err() == nil {
				c.opt.Health.Report(err)
			}
			if err == nil || ctx.Err() != nil {
				pause.Reset()
				continue
			}
			c.failures.Inc()
			if n, ok := c.fault.Allow(time.Now()); ok {
				c.opt.Logger.Warn("points marked faulty could not be looked up, trying again; they stay on the map meanwhile",
					"error", err, "devices", len(devices), "times", n)
			}
			for _, d := range devices {
				c.add(d)
			}
			_ = pace.Sleep(ctx, pause.Delay())
		}
	}
	own.Wait()
	return nil
}

// listen notes what notifications name.
func (c *Corrector) listen(ctx context.Context) {
	err := c.opt.History.Listen(ctx, []string{db.ChannelPositions}, c.addAll, func(_, device string) { c.add(device) })
	if err != nil && !errors.Is(err, context.Canceled) {
		c.opt.Logger.Warn("not listening for points marked faulty any more; they are seen at the next start", "error", err)
	}
}

// add records one device.
func (c *Corrector) add(device string) {
	c.mu.Lock()
	if len(c.pending) < maxPending {
		c.pending[device] = true
	} else {
		c.all = true
	}
	c.mu.Unlock()
	c.wake()
}

// addAll records that any device may have changed.
func (c *Corrector) addAll() {
	c.mu.Lock()
	c.all = true
	c.mu.Unlock()
	c.wake()
}

func (c *Corrector) wake() {
	select {
	case c.wakeup <- struct{}{}:
	default:
	}
}

// take returns the devices to look at, once each.
func (c *Corrector) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all {
		for _, d := range c.opt.Devices() {
			c.pending[d] = true
		}
	}
	list := make([]string, 0, len(c.pending))
	for d := range c.pending {
		list = append(list, d)
	}
	clear(c.pending)
	c.all = false
	return list
}

// correct reads what the table knows of devices, and passes it on.
func (c *Corrector) correct(ctx context.Context, devices []string) error {
	for len(devices) > 0 {
		part := devices[:min(len(devices), correctAtOnce)]
		devices = devices[len(part):]
		limited, cancel := context.WithTimeout(ctx, lookupTime)
		err := c.correctPart(limited, part)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// lookupTime bounds one look at the table, and what follows from it.
const lookupTime = 30 * time.Second

func (c *Corrector) correctPart(ctx context.Context, devices []string) error {
	list := make([]shard.Correction, 0, len(devices))
	rule := db.LiveRule{Tolerance: c.opt.Tolerance, Difference: c.opt.Difference()}
	err := c.opt.History.LastPositions(ctx, devices, rule, func(l *db.Last) error {
		list = append(list, l.Correction())
		return nil
	})
	if err != nil {
		return fmt.Errorf("look up faulty points: %w", err)
	}
	c.lookups.Add(len(devices))
	return c.opt.Target.Correct(ctx, list)
}
