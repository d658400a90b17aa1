package archive

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/pace"
	"pitwall/shard"
)

// ClockStore keeps what is known of clocks that fell back.
type ClockStore interface {
	// SaveClocks writes a list; writing it again changes nothing.
	SaveClocks(ctx context.Context, list []shard.Clock) error
}

// Clocks writes what the shards find out about the clocks of devices to the
// database, so that a restart does not lose it. It waits for a database that is
// away.
type Clocks struct {
	store    ClockStore
	log      *slog.Logger
	changes  *metrics.Counter
	failures *metrics.Counter
	wakeup   chan struct{} // something is pending; one is enough
	fault    pace.LogLimiter

	mu      sync.Mutex
	pending map[string][]shard.Clock // by device, oldest first
}

// maxClockChanges is how many changes of one device wait for the database at
// most. The oldest one gives way: what holds now is what matters after a restart.
const maxClockChanges = 8

// saveTime bounds one write.
const saveTime = 10 * time.Second

// NewClocks makes Clocks and registers their metrics. It starts nothing.
func NewClocks(store ClockStore, log *slog.Logger, set *metrics.Set) *Clocks {
	return &Clocks{
		store: store, log: log, wakeup: make(chan struct{}, 1), pending: map[string][]shard.Clock{},
		changes:  set.GetOrCreateCounter("processor_live_clock_changes_total"),
		failures: set.GetOrCreateCounter("processor_live_clock_save_failures_total"),
	}
}

// Note notes a change. It never waits for the database. Any goroutine may call
// it.
func (c *Clocks) Note(x shard.Clock) {
	c.changes.Inc()
	if x.Offset == 0 {
		c.log.Info("a device's clock is right again", "device", x.Device)
	} else {
		c.log.Warn("a device's clock has fallen back; it is shown under its arrival", "device", x.Device,
			"by", time.Duration(-x.Offset)*time.Millisecond)
	}
	c.mu.Lock()
	list := append(c.pending[x.Device], x)
	if len(list) > maxClockChanges {
		list = slices.Delete(list, 0, 1)
	}
	c.pending[x.Device] = list
	c.mu.Unlock()
	c.wake()
}

// Run writes what is pending until ctx ends, and then what is left, if the
// database takes it at once. It returns nil.
func (c *Clocks) Run(ctx context.Context) error {
	var pause pace.Backoff
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-c.wakeup:
			if err := c.save(ctx); err != nil && ctx.Err() == nil {
				c.failures.Inc()
				if n, ok := c.fault.Allow(time.Now()); ok {
					c.log.Warn("what is known of clocks that fell back could not be kept, trying again", "error", err, "times", n)
				}
				_ = pace.Sleep(ctx, pause.Delay()) // the loop looks at ctx
				c.wake()
				continue
			}
			pause.Reset()
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := c.save(last); err != nil {
		c.log.Warn("what is known of clocks that fell back could not be kept", "error", err)
	}
	return nil
}

// save writes what is pending. What could not be written stays pending.
func (c *Clocks) save(ctx context.Context) error {
	list := c.take()
	if len(list) == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, saveTime)
	defer cancel()
	if err := c.store.SaveClocks(limited, list); err != nil {
		c.restore(list)
		return fmt.Errorf("keep the clocks of %d devices: %w", len(list), err)
	}
	return nil
}

func (c *Clocks) take() (list []shard.Clock) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, changes := range c.pending {
		list = append(list, changes...)
	}
	clear(c.pending)
	return list
}

// restore notes list again, before what has come since.
func (c *Clocks) restore(list []shard.Clock) {
	c.mu.Lock()
	defer c.mu.Unlock()
	since := c.pending
	c.pending = map[string][]shard.Clock{}
	for _, x := range list {
		c.pending[x.Device] = append(c.pending[x.Device], x)
	}
	for device, changes := range since {
		all := append(c.pending[device], changes...)
		c.pending[device] = all[max(0, len(all)-maxClockChanges):]
	}
}

func (c *Clocks) wake() {
	select {
	case c.wakeup <- struct{}{}:
	default:
	}
}
