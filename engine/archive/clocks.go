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

// ClockStore saves the offsets of device clocks that fell back.
type ClockStore interface {
	// SaveClocks writes a list. Writing the same list again changes nothing.
	SaveClocks(ctx context.Context, list []shard.Clock) error
}

// Clocks writes the clock offsets that the shards detect to the database, so that
// they survive a restart. It waits while the database is unreachable.
type Clocks struct {
	store    ClockStore
	log      *slog.Logger
	changes  *metrics.Counter
	failures *metrics.Counter
	wakeup   pace.Signal // set while changes are pending
	fault    pace.LogLimiter

	mu      sync.Mutex
	pending map[string][]shard.Clock // by device, oldest first
}

// maxClockChanges bounds the changes of one device that wait for the database. The
// oldest is dropped, because a restart needs only the newest.
const maxClockChanges = 8

// saveTime bounds one write.
const saveTime = 10 * time.Second

// NewClocks makes Clocks and registers their metrics. It starts no goroutine.
func NewClocks(store ClockStore, log *slog.Logger, set *metrics.Set) *Clocks {
	return &Clocks{
		store: store, log: log, wakeup: pace.NewSignal(), pending: map[string][]shard.Clock{},
		changes:  set.GetOrCreateCounter("processor_live_clock_changes_total"),
		failures: set.GetOrCreateCounter("processor_live_clock_save_failures_total"),
	}
}

// Note records a change. It never waits for the database. Any goroutine may call
// it.
func (c *Clocks) Note(x shard.Clock) {
	c.changes.Inc()
	if x.Offset == 0 {
		c.log.Info("a device's clock is right again", "device", x.Device)
	} else {
		c.log.Warn("a device's clock has fallen back; its positions are shown under their time of arrival", "device", x.Device,
			"by", time.Duration(-x.Offset)*time.Millisecond)
	}
	c.mu.Lock()
	list := append(c.pending[x.Device], x)
	if len(list) > maxClockChanges {
		list = slices.Delete(list, 0, 1)
	}
	c.pending[x.Device] = list
	c.mu.Unlock()
	c.wakeup.Set()
}

// Run writes the pending changes until ctx ends. Then it tries once more to write
// what is left. It returns nil.
func (c *Clocks) Run(ctx context.Context) error {
	var pause pace.Backoff
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-c.wakeup:
			if err := c.save(ctx); err != nil && ctx.Err() == nil {
				c.failures.Inc()
				if n, ok := c.fault.Allow(time.Now()); ok {
					c.log.Warn("the offsets of device clocks could not be saved, trying again", "error", err, "times", n)
				}
				_ = pace.Sleep(ctx, pause.Delay()) // the loop checks ctx
				c.wakeup.Set()
				continue
			}
			pause.Reset()
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := c.save(last); err != nil {
		c.log.Warn("the offsets of device clocks could not be saved", "error", err)
	}
	return nil
}

// save writes the pending changes. Those that could not be written stay pending.
func (c *Clocks) save(ctx context.Context) error {
	list := c.take()
	if len(list) == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, saveTime)
	defer cancel()
	if err := c.store.SaveClocks(limited, list); err != nil {
		c.restore(list)
		return fmt.Errorf("save %d changes of device clocks: %w", len(list), err)
	}
	return nil
}

// take empties the pending changes and returns them.
func (c *Clocks) take() (list []shard.Clock) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, changes := range c.pending {
		list = append(list, changes...)
	}
	clear(c.pending)
	return list
}

// restore puts list back in front of the changes that have come since.
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
