package eventmap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
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

// refreshTime bounds one refresh: a connection that has stalled must not stop
// the map for good.
const refreshTime = 30 * time.Second

// Between the end of a refresh and the next one that a notification causes are
// restPerCost times what it took, so that refreshes take a tenth of the time at
// most however many changes there are: at least leastGap, and at most mostGap or
// the interval.
const (
	restPerCost = 9
	leastGap    = 100 * time.Millisecond
	mostGap     = 10 * time.Second
)

// Source reads the roster.
type Source interface {
	// LoadRoster returns all events and pairings as of one moment.
	LoadRoster(ctx context.Context) (shard.Roster, error)
}

// Notifier listens for changes. Listen blocks until ctx ends; it calls ready
// whenever it has begun to listen anew, since something may have been missed
// before, and fn at every notification.
type Notifier interface {
	// Listen calls ready and fn on its own goroutine; neither blocks.
	Listen(ctx context.Context, channels []string, ready func(), fn func(channel, payload string)) error
}

// Target puts a roster in force: *shard.Core.
type Target interface {
	// Swap returns when r is in force everywhere. It is not called twice at
	// the same time.
	Swap(ctx context.Context, r shard.Roster) error
}

// Options are what a Map needs.
type Options struct {
	Source   Source
	Notifier Notifier
	Target   Target
	Every    time.Duration // between two refreshes, give or take a tenth
	Health   *health.Check // whether refreshes succeed; may be nil
	Logger   *slog.Logger
	Metrics  *metrics.Set
}

// Map refreshes the device-event map.
type Map struct {
	opts   Options
	meters meters
	nudge  chan struct{} // a notification came; one is enough
	fault  pace.LogLimiter

	leftOut int // rows of the roster in force that were left out
}

// New makes a Map. Nothing runs until Refresh or Run.
func New(o Options) *Map {
	m := &Map{opts: o, nudge: make(chan struct{}, 1)}
	m.meters.register(o.Metrics)
	return m
}

// Refresh reads the roster and puts it in force. On error the map in force
// stays.
func (m *Map) Refresh(ctx context.Context) error {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, refreshTime)
	defer cancel()
	r, err := m.opts.Source.LoadRoster(ctx)
	if err == nil {
		m.leaveOut(&r)
		err = m.opts.Target.Swap(ctx, r)
	}
	if err != nil {
		m.meters.failures.Inc()
		return fmt.Errorf("refresh the device-event map: %w", err)
	}
	m.meters.succeeded(start, r)
	return nil
}

// Run refreshes until ctx ends.
func (m *Map) Run(ctx context.Context) error {
	var own sync.WaitGroup
	own.Go(func() { m.listen(ctx) })
	m.refresh(ctx)
	own.Wait()
	return nil
}

func (m *Map) refresh(ctx context.Context) {
	var retry pace.Backoff
	timer := time.NewTimer(m.pause())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-m.nudge:
		}
		pause := m.pause()
		start := time.Now()
		err := m.Refresh(ctx)
		gap := m.gap(time.Since(start))
		if ctx.Err() == nil {
			m.opts.Health.Report(err)
		}
		if err != nil && ctx.Err() == nil {
			pause = min(pause, retry.Delay())
			if n, ok := m.fault.Allow(time.Now()); ok {
				m.opts.Logger.Warn("the device-event map could not be refreshed; the one before is kept",
					"error", err, "times", n)
			}
		} else {
			retry.Reset()
		}
		timer.Reset(pause)
		if pace.Sleep(ctx, gap) != nil { // lets a burst of notifications pass
			return
		}
	}
}

// gap is the pause after a refresh that took a time.
func (m *Map) gap(took time.Duration) time.Duration {
	return min(max(restPerCost*took, leastGap), mostGap, m.opts.Every)
}

// pause is the time to the next refresh. The tenth keeps many instances from
// asking the database in step.
func (m *Map) pause() time.Duration {
	tenth := int64(m.opts.Every / 10)
	if tenth == 0 {
		return m.opts.Every
	}
	return m.opts.Every - time.Duration(tenth) + time.Duration(rand.Int64N(2*tenth))
}

// listen turns notifications into nudges. The map is refreshed on its
// interval all the same, so a listener that ends is a loss of speed only.
func (m *Map) listen(ctx context.Context) {
	wake := func() {
		select {
		case m.nudge <- struct{}{}:
		default:
		}
	}
	err := m.opts.Notifier.Listen(ctx, []string{Channel}, wake, func(string, string) { wake() })
	if err != nil && !errors.Is(err, context.Canceled) {
		m.opts.Logger.Warn("not listening for roster changes any more; they are seen at the next refresh", "error", err)
	}
}
