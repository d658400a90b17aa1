// Package leftout counts and logs the optional values that the decoder has left out
// of records because they were wrong. feed and archive use it, each with metrics of
// its own.
//
// The package starts no goroutine. A Recorder may be used by one goroutine at a time.
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

// every is how often the same wrong value is logged. A fleet may send it with each
// record, permanently.
const every = time.Minute

// Recorder counts and logs values that were left out. Recorders with the same metric
// share its counters.
type Recorder struct {
	log *slog.Logger
	of  map[codec.Omission]*omission
}

// omission counts one kind of value that is left out for one reason.
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

// Record counts the values that were left out of the record with this entry id. Each
// kind is logged once per interval. It does nothing if list is empty.
func (r *Recorder) Record(id redis.ID, list []codec.Omission) {
	for _, o := range list {
		of := r.of[o]
		if of == nil {
			r.log.Error("a value was left out for an unknown reason", "id", id.String(), "field", o.Value.String(), "reason", o.Reason.String())
			continue
		}
		of.count.Inc()
		if n, ok := of.limit.Allow(time.Now()); ok {
			r.log.Warn("an optional value is wrong and was left out; its position is kept", "id", id.String(),
				"field", o.Value.String(), "reason", o.Reason.String(), "times", n)
		}
	}
}
