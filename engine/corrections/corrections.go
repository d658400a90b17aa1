package corrections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/db"
	"pitwall/engine/internal/health"
	"pitwall/engine/internal/pace"
	"pitwall/shard"
)

// History is the table that a Corrector reads, with its notifications.
type History interface {
	// LastPositions calls fn with the newest positions of each device, by rule.
	// fn must not keep the Last.
	LastPositions(ctx context.Context, devices []string, rule db.LiveRule, fn func(*db.Last) error) error
	// Listen blocks until ctx ends. It calls ready each time it begins to listen,
	// and fn for each notification, both on its own goroutine.
	Listen(ctx context.Context, channels []string, ready func(), fn func(channel, payload string)) error
}

// Target shows the last positions: *shard.Core.
type Target interface {
	// Correct returns when the corrections of all devices are applied.
	Correct(ctx context.Context, list []shard.Correction) error
}

// Options are what a Corrector needs. All but Health are required.
type Options struct {
	History History
	Target  Target
	// Devices lists the devices that are shown. All of them are looked up when
	// notifications may have been missed.
	Devices func() []string
	// Tolerance is how far a device's time may differ from its arrival.
	Tolerance time.Duration
	// Difference returns how far the clock of this process is ahead of the Redis
	// server's. It is called on the goroutine of Run.
	Difference func() time.Duration
	// Health is told whether positions can be looked up. It may be nil.
	Health  *health.Check
	Logger  *slog.Logger
	Metrics *metrics.Set
}

// Corrector removes positions from the map that were marked faulty after they were
// shown, and brings back positions whose mark was removed.
type Corrector struct {
	opt      Options
	lookups  *metrics.Counter // devices looked up
	failures *metrics.Counter
	wakeup   pace.Signal // set while devices are pending
	fault    pace.LogLimiter

	mu      sync.Mutex
	pending map[string]bool // devices whose marks may have changed
	all     bool            // look up all devices: notifications were missed, or pending is full
	since   time.Time       // when the first of them was added that is not applied; zero for none
	taken   time.Time       // the same of those that are looked up now
}

// maxPending bounds pending. Beyond it all devices are looked up.
const maxPending = 100_000

const (
	burstGap      = 100 * time.Millisecond // the notifications of this time are looked up together
	lookupDevices = 1000                   // devices of one lookup
	lookupTimeout = 30 * time.Second       // of one lookup with its corrections
)

// New makes a Corrector and registers its metrics. It starts no goroutine.
func New(o Options) *Corrector {
	return &Corrector{
		opt: o, wakeup: pace.NewSignal(), pending: map[string]bool{},
		lookups:  o.Metrics.GetOrCreateCounter("processor_archive_correction_lookups_total"),
		failures: o.Metrics.GetOrCreateCounter("processor_archive_correction_failures_total"),
	}
}

// Run corrects until ctx ends, and then returns nil. It waits while the database is
// unreachable.
func (c *Corrector) Run(ctx context.Context) error {
	var own sync.WaitGroup
	own.Go(func() { c.followMarks(ctx) })
	defer own.Wait()
	var retry pace.Backoff
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wakeup:
		}
		if pace.Sleep(ctx, burstGap) != nil {
			return nil
		}
		devices := c.take()
		err := c.lookUp(ctx, devices)
		c.lookedUp(err == nil)
		if ctx.Err() != nil {
			return nil
		}
		c.opt.Health.Report(err)
		if err == nil {
			retry.Reset()
			continue
		}
		c.failures.Inc()
		if n, ok := c.fault.Allow(time.Now()); ok {
			c.opt.Logger.Warn("positions marked faulty could not be looked up, trying again; until then they stay on the map",
				"error", err, "devices", len(devices), "times", n)
		}
		for _, d := range devices {
			c.add(d)
		}
		_ = pace.Sleep(ctx, retry.Delay()) // the loop checks ctx
	}
}

// followMarks adds the devices that notifications name.
func (c *Corrector) followMarks(ctx context.Context) {
	err := c.opt.History.Listen(ctx, []string{db.ChannelPositions}, c.addAll, func(_, device string) { c.add(device) })
	if err != nil && !errors.Is(err, context.Canceled) {
		c.opt.Logger.Warn("listening for positions marked faulty has ended; they are seen at the next start", "error", err)
	}
}

// add records one device.
func (c *Corrector) add(device string) {
	c.mu.Lock()
	c.noteAdded()
	if len(c.pending) < maxPending {
		c.pending[device] = true
	} else {
		c.all = true
	}
	c.mu.Unlock()
	c.wakeup.Set()
}

// addAll records that any device may have changed.
func (c *Corrector) addAll() {
	c.mu.Lock()
	c.noteAdded()
	c.all = true
	c.mu.Unlock()
	c.wakeup.Set()
}

// noteAdded is called before a device is added. c.mu is held.
func (c *Corrector) noteAdded() {
	if c.since.IsZero() {
		c.since = time.Now()
	}
}

// lookedUp ends what take began. After a failure the devices are added again.
func (c *Corrector) lookedUp(ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !ok {
		c.since = c.taken
	}
	c.taken = time.Time{}
}

// Applied returns a moment up to which all marks that were notified are applied. That is
// now, unless some are pending. Any goroutine may call it.
func (c *Corrector) Applied() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.taken.IsZero():
		return c.taken
	case !c.since.IsZero():
		return c.since
	}
	return time.Now()
}

// take empties pending and returns the devices to look up, once each.
func (c *Corrector) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all {
		for _, d := range c.opt.Devices() {
			c.pending[d] = true
		}
	}
	list := slices.Collect(maps.Keys(c.pending))
	clear(c.pending)
	c.all = false
	c.taken, c.since = c.since, time.Time{}
	return list
}

// lookUp reads devices from the table and passes their corrections to the target.
func (c *Corrector) lookUp(ctx context.Context, devices []string) error {
	for part := range slices.Chunk(devices, lookupDevices) {
		if err := c.lookUpPart(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (c *Corrector) lookUpPart(ctx context.Context, devices []string) error {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	list := make([]shard.Correction, 0, len(devices))
	rule := db.LiveRule{Tolerance: c.opt.Tolerance, Difference: c.opt.Difference()}
	err := c.opt.History.LastPositions(ctx, devices, rule, func(l *db.Last) error {
		list = append(list, l.Correction())
		return nil
	})
	if err != nil {
		return fmt.Errorf("look up positions marked faulty: %w", err)
	}
	c.lookups.Add(len(devices))
	return c.opt.Target.Correct(ctx, list)
}
