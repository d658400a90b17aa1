// Package leftout counts and logs the optional values that a decoder has left
// out of its records. The readers of a stream share it, each with metrics of
// its own.
//
// A Teller belongs to one goroutine at a time; the package starts none.
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

// Teller counts and logs what is left out. Tellers of one metric share their
// counters.
type Teller struct {
	log  *slog.Logger
	told map[codec.Omission]*telling
}

// telling is one value that can be left out for one reason.
type telling struct {
	count *metrics.Counter
	quiet pace.Quiet
}

// New makes a Teller and registers its counters in set: metric, with the labels
// field and reason.
func New(set *metrics.Set, metric string, log *slog.Logger) *Teller {
	t := &Teller{log: log, told: map[codec.Omission]*telling{}}
	for _, o := range codec.Omissions() {
		name := fmt.Sprintf("%s{field=%q,reason=%q}", metric, o.Value, o.Reason)
		t.told[o] = &telling{set.GetOrCreateCounter(name), pace.Quiet{Every: every}}
	}
	return t
}

// Tell counts what was left out of the record of an entry, and logs each value
// once per interval. It does nothing when list is empty.
func (t *Teller) Tell(id redis.ID, list []codec.Omission) {
	for _, o := range list {
		told := t.told[o]
		if told == nil {
			t.log.Error("a value was left out for a reason that is not known", "id", id.String(), "field", o.Value.String(), "reason", o.Reason.String())
			continue
		}
		told.count.Inc()
		if n, ok := told.quiet.Tell(time.Now()); ok {
			t.log.Warn("an optional value is wrong and was left out; its position is kept", "id", id.String(),
				"field", o.Value.String(), "reason", o.Reason.String(), "times", n)
		}
	}
}
