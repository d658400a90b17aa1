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

// deadEvery is how often it is told that the dead letters come near their
// bound.
const fullLogEvery = 10 * time.Minute

// watch looks at one stream: how far behind the table is, whether the stream's
// trimming comes near what is not archived yet, and what it has cut off. The
// stream's reader and the goroutine that measures the lag use it.
type monitor struct {
	client         *redis.Client
	log            *slog.Logger
	stream         string
	deadKey        string
	maxLetters     int64 // letters
	maxLetterBytes int64 // bytes of them
	meters         *meters
	health         *streamHealth
	lag            *health.Lag

	// The goroutine that measures alone uses these.
	lettersGauge *metrics.Gauge
	bytesGauge   *metrics.Gauge  // of letters
	fullLog      pace.LogLimiter // the dead letters come near their bound

	mu         sync.Mutex
	gap        gap
	nearLog    pace.LogLimiter // trimming comes near
	pendingLog pace.LogLimiter // pending entries that were trimmed
	lossLog    pace.LogLimiter // loss
	trimLog    pace.LogLimiter // dead letters beyond their bytes
	unreported loss            // lost, and not told yet
}

func newMonitor(a *Archive, stream string, log *slog.Logger) *monitor {
	w := &monitor{client: a.opt.Client, log: log, stream: stream, deadKey: a.opt.Client.DeadKey(stream), maxLetters: a.opt.DeadMaxLen, maxLetterBytes: a.opt.DeadMaxBytes,
		meters: &a.meters, health: newStreamHealth(&a.opt, stream), fullLog: pace.LogLimiter{Every: fullLogEvery}}
	w.lag = health.NewLag(a.meters.gauge("lag_ms", stream))
	w.lettersGauge, w.bytesGauge = a.meters.gauge("dead_letters", stream), a.meters.gauge("dead_bytes", stream)
	return w
}

// look takes the stream's state and tells what there is to tell. The looks of
// both users follow each other, so that no loss is counted twice.
func (w *monitor) checkTrimmed(ctx context.Context) (redis.StreamState, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, err := w.client.State(ctx, w.stream, Group)
	if err != nil || !s.Group {
		return s, err
	}
	now := time.Now()
	if l := w.gap.update(s); l.most > 0 {
		w.meters.lost.Add(int(l.least))
		w.unreported.add(l)
	}
	if w.unreported.most > 0 {
		if _, ok := w.lossLog.Allow(now); ok {
			w.log.Error("records were trimmed from the stream before the archive was given them: they are lost; let the stream keep more (MAXLEN, MINID)",
				"at_least", w.unreported.least, "at_most", w.unreported.most, "or_more", w.unreported.open, "after", s.Delivered.String(), "first", s.First.String())
			w.unreported = loss{}
		}
	}
	if s.Pending.Count > 0 && s.Pending.Oldest.Less(firstKept(s)) {
		if n, ok := w.pendingLog.Allow(now); ok {
			w.log.Warn("records that are not archived yet were trimmed from the stream: only the process that holds them can still write them",
				"oldest", s.Pending.Oldest.String(), "first", s.First.String(), "times", n)
		}
	}
	if trimmingNear(s) {
		if n, ok := w.nearLog.Allow(now); ok {
			w.log.Warn("more than half of what the stream keeps is not archived yet: what is trimmed before it is archived is lost",
				"kept_ms", behind(s.Last, s.First), "lag_ms", lagOf(s), "times", n)
		}
	}
	return s, nil
}

// floor is the id before which the stream holds nothing.
func firstKept(s redis.StreamState) redis.ID {
	if s.Length == 0 {
		return s.Last.Next()
	}
	return s.First
}

// nearLag is the lag from which a stream's trimming is worth a warning.
const nearLag = 2 * time.Second

// near reports whether a stream that is being trimmed holds more that is not
// archived than that is.
func trimmingNear(s redis.StreamState) bool {
	lag := lagOf(s)
	return s.Added > s.Length && lag > nearLag.Milliseconds() && 2*lag > behind(s.Last, s.First)
}

// lagOf returns how much of the stream, in milliseconds of its own time, is not
// known to be in the table: what trimming can take. The lag that is shown is
// [watch.age], which grows while nothing new is added.
func lagOf(s redis.StreamState) int64 {
	done := s.Delivered
	if s.Pending.Count > 0 {
		done = s.Pending.Oldest
	} else if done.IsZero() {
		done = s.First // nothing was delivered: the first entry waits, if there is one
	}
	if s.Length == 0 && s.Pending.Count == 0 {
		return 0
	}
	return behind(s.Last, done)
}

// behind returns the milliseconds from done to newest, at least 0.
func behind(newest, done redis.ID) int64 {
	if newest.Ms <= done.Ms {
		return 0
	}
	return int64(newest.Ms - done.Ms)
}
