package eventmap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/health"
	"pitwall/engine/internal/pace"
	"pitwall/shard"
)

// Channel is the database's notification channel for roster changes
// (contract 2).
const Channel = "pitwall_roster"

// refreshTimeout bounds one refresh, so that a stalled connection does not stop
// all later refreshes.
const refreshTimeout = 30 * time.Second

// A gap separates the end of a refresh from the next refresh that a notification
// causes. It is gapFactor times the duration of the refresh, so that refreshes
// take at most a tenth of the time, even if changes are frequent. It is at least
// minGap, and at most maxGap or the interval.
const (
	gapFactor = 9
	minGap    = 100 * time.Millisecond
	maxGap    = 10 * time.Second
)

// Source reads the roster.
type Source interface {
	// LoadRoster returns all events and pairings as of one moment.
	LoadRoster(ctx context.Context) (shard.Roster, error)
}

// Notifier listens for changes.
type Notifier interface {
	// Listen blocks until ctx ends. It calls ready each time it begins to listen,
	// because notifications may have been missed before, and fn for each
	// notification. Both run on its own goroutine and must not block.
	Listen(ctx context.Context, channels []string, ready func(), fn func(channel, payload string)) error
}

// Target makes the shards use a roster: *shard.Core.
type Target interface {
	// Swap returns when every shard uses r. Calls never overlap.
	Swap(ctx context.Context, r shard.Roster) error
}

// Options are what a Map needs.
type Options struct {
	Source   Source
	Notifier Notifier
	Target   Target
	Every    time.Duration // between two refreshes, varied by a tenth
	Health   *health.Check // told whether refreshes succeed; may be nil
	Logger   *slog.Logger
	Metrics  *metrics.Set
}

// Map refreshes the device-event map.
type Map struct {
	opts   Options
	meters meters
	wake   pace.Signal // set by notifications
	limit  pace.LogLimiter

	leftOut int // rows that were left out of the current roster

	mu   sync.Mutex
	asOf time.Time // when the last refresh that succeeded began
}

// New makes a Map. Nothing runs until Refresh or Run.
func New(o Options) *Map {
	m := &Map{opts: o, wake: pace.NewSignal()}
	m.meters.register(o.Metrics)
	return m
}

// Refresh reads the roster and passes it to the Target. After an error the current
// map stays.
func (m *Map) Refresh(ctx context.Context) error {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	r, err := m.opts.Source.LoadRoster(ctx)
	if err == nil {
		m.dropUnsubscribable(&r)
		err = m.opts.Target.Swap(ctx, r)
	}
	if err != nil {
		m.meters.failures.Inc()
		return fmt.Errorf("refresh the device-event map: %w", err)
	}
	m.meters.succeeded(start, r)
	m.mu.Lock()
	m.asOf = start
	m.mu.Unlock()
	return nil
}

// AsOf returns a moment up to which the shards have all changes of the roster: when the
// last refresh that succeeded began. Any goroutine may call it.
func (m *Map) AsOf() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asOf
}

// Run refreshes until ctx ends.
func (m *Map) Run(ctx context.Context) error {
	var own sync.WaitGroup
	own.Go(func() { m.followNotifications(ctx) })
	m.refreshLoop(ctx)
	own.Wait()
	return nil
}

// refreshLoop refreshes at the interval and after notifications, until ctx ends.
func (m *Map) refreshLoop(ctx context.Context) {
	var retry pace.Backoff
	timer := time.NewTimer(pace.Jitter(m.opts.Every))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-m.wake:
		}
		pause := pace.Jitter(m.opts.Every)
		start := time.Now()
		err := m.Refresh(ctx)
		gap := m.gap(time.Since(start))
		if ctx.Err() == nil {
			m.opts.Health.Report(err)
		}
		if err != nil && ctx.Err() == nil {
			pause = min(pause, retry.Delay())
			if n, ok := m.limit.Allow(time.Now()); ok {
				m.opts.Logger.Warn("the device-event map could not be refreshed; the previous map stays",
					"error", err, "times", n)
			}
		} else {
			retry.Reset()
		}
		timer.Reset(pause)
		if pace.Sleep(ctx, gap) != nil { // a burst of notifications causes one refresh
			return
		}
	}
}

// gap returns the gap after a refresh of the given duration.
func (m *Map) gap(took time.Duration) time.Duration {
	return min(max(gapFactor*took, minGap), maxGap, m.opts.Every)
}

// followNotifications wakes refreshLoop for each notification. If notifications are
// lost, the refresh at the interval still finds the changes.
func (m *Map) followNotifications(ctx context.Context) {
	err := m.opts.Notifier.Listen(ctx, []string{Channel}, m.wake.Set, func(string, string) { m.wake.Set() })
	if err != nil && !errors.Is(err, context.Canceled) {
		m.opts.Logger.Warn("listening for roster changes has ended; changes are seen at the next refresh", "error", err)
	}
}
