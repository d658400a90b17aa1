// Package leftout counts and logs the optional values that a decoder has left
// out of its records. The readers of a stream share it, each with metrics of
// its own.
//
// A Recorder belongs to one goroutine at a time; the package starts none.
package leftout

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/codec"
	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
)

// every is how often a value that goes on being wrong is logged. A fleet may
// send the same wrong value with each record, for good.
const every = time.Minute

// Recorder counts and logs what is left out. Recorders of one metric share their
// counters.
type Recorder struct {
	log *slog.Logger
	of  map[codec.Omission]*omission
}

// omission is one value that can be left out for one reason.
type omission struct {
	count *metrics.Counter
	limit pace.LogLimiter
}

// New makes a Recorder and registers its counters in set: metric, with the labels
// field and reason.
func New(set *metrics.Set, metric string, log *slog.Logger) *Recorder {
	r := &Recorder{log: log, of: map[codec.Omission]*omission{}}
	for _, o := range codec.Omissions() {
		name := fmt.Sprintf("%s{field=%q,reason=%q}", metric, o.Value, o.Reason)
		r.of[o] = &omission{count: set.GetOrCreateCounter(name), limit: pace.LogLimiter{Every: every}}
	}
	return r
}

// Record counts what was left out of the record of an entry, and logs each value
// once per interval. It does nothing when list is empty.
func (r *Recorder) Record(id redis.ID, list []codec.Omission) {
	for _, o := range list {
		of := r.of[o]
		if of == nil {
			r.log.Error("a value was left out for a reason that is not known", "id", id.String(), "field", o.Value.String(), "reason", o.Reason.String())
			continue
		}
		of.count.Inc()
		if n, ok := of.limit.Allow(time.Now()); ok {
			r.log.Warn("an optional value is wrong and was left out; its position is kept", "id", id.String(),
				"field", o.Value.String(), "reason", o.Reason.String(), "times", n)
		}
	}
}
