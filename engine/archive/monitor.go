package archive

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/health"
	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
)

// monitor observes one stream: the lag of the table, the dead letters, and whether
// trimming has removed unarchived records or soon will. It is used by the goroutine
// of run and by the reader of the stream.
type monitor struct {
	client         *redis.Client
	log            *slog.Logger
	stream         string
	deadKey        string
	maxLetters     int64
	maxLetterBytes int64
	meters         *meters
	health         *streamHealth
	lag            *health.Lag

	lettersGauge *metrics.Gauge
	bytesGauge   *metrics.Gauge  // of letters
	fullLog      pace.LogLimiter // dead letters near their bound
	trimLog      pace.LogLimiter // dead letters deleted for their bytes
	nearLog      pace.LogLimiter // trimming is near
	pendingLog   pace.LogLimiter // pending entries that were trimmed
	lossLog      pace.LogLimiter // lost records

	mu         sync.Mutex // guards gap and unreported, and orders the reads of the state
	gap        gap
	unreported loss // counted, but not logged yet

	every time.Duration // between two measurements of the lag
}

func newMonitor(a *Archive, stream string, log *slog.Logger) *monitor {
	m := &monitor{client: a.opt.Client, log: log, stream: stream, deadKey: a.opt.Client.DeadKey(stream), maxLetters: a.opt.DeadMaxLen, maxLetterBytes: a.opt.DeadMaxBytes,
		meters: &a.meters, health: newStreamHealth(&a.opt, stream), fullLog: pace.LogLimiter{Every: fullLogEvery}}
	m.every = a.opt.LagEvery
	m.lag = health.NewLag(a.meters.gauge("lag_ms", stream))
	m.lettersGauge, m.bytesGauge = a.meters.gauge("dead_letters", stream), a.meters.gauge("dead_bytes", stream)
	return m
}

// reapEvery is the interval at which idle consumers are removed.
const reapEvery = time.Minute

// run measures the lag, checks the dead letters and removes idle consumers until
// ctx ends.
func (m *monitor) run(ctx context.Context, idle time.Duration) {
	var nextReap, nextRights time.Time
	for {
		m.updateLag(ctx)
		now := time.Now()
		if !now.Before(nextRights) {
			nextRights = now.Add(redis.RightsEvery)
			m.checkLetterRights(ctx)
		}
		if !now.Before(nextReap) {
			nextReap = now.Add(reapEvery)
			m.reapConsumers(ctx, idle)
		}
		if pace.Sleep(ctx, m.every) != nil {
			return
		}
	}
}

// updateLag sets the gauges of the stream. When the lag cannot be measured, it is
// the last measured lag plus the time since then.
func (m *monitor) updateLag(ctx context.Context) {
	lag, err := m.lagAge(ctx)
	switch {
	case err == nil:
		m.lag.Measured(lag)
		m.health.setLag(lag)
	case ctx.Err() == nil:
		m.health.setLag(m.lag.Missed())
	}
	m.countLetters(ctx)
}

// lagAge returns the age of the oldest entry that is not known to be in the table,
// by the server's clock, or 0 when there is none. It covers the whole group,
// including other processes.
func (m *monitor) lagAge(ctx context.Context) (time.Duration, error) {
	s, err := m.checkTrimmed(ctx)
	if err != nil {
		return 0, err
	}
	if s.Pending.Count > 0 {
		return m.client.Age(ctx, m.stream, s.Pending.Oldest)
	}
	return m.client.Waiting(ctx, m.stream, s.Delivered)
}

// reapConsumers removes from the group the consumers of processes that have ended,
// if nothing is pending on them.
func (m *monitor) reapConsumers(ctx context.Context, idle time.Duration) {
	n, err := m.client.RemoveIdleConsumers(ctx, m.stream, Group, idle)
	if err == nil && n > 0 {
		m.log.Info("idle consumers with nothing pending were removed", "consumers", n, "idle", idle)
	}
}
