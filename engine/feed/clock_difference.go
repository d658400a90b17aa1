package feed

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"pitwall/engine/internal/redis"
)

// clockDifference is what this machine's clock shows less what the Redis server's
// does, as contract 1 has it. An entry's id is the server's time at its arrival,
// so the age of an entry that was just added is the difference, plus the time on
// the way. The minimum over a minute leaves the latter out.
//
// It belongs to the goroutine that reads; effective may be asked by any.
type clockDifference struct {
	tolerance int64 // ms up to which the clocks count as the same
	log       *slog.Logger
	gauge     *metrics.Gauge

	begin     time.Time              // origin of the seconds below, on the monotonic clock
	minimum   [minimumWindow]minimum // by second
	emptiedAt time.Duration          // when a read last emptied the stream, since begin; 0 for not yet

	mu   sync.Mutex // guards used
	used int64      // ms; 0 while it is within the tolerance
}

// minimumWindow is over how many seconds the minimum is taken.
const minimumWindow = 60

// freshness is how long before its read an entry can have been added for its age
// to say something: the reads before it emptied the stream within this time.
const freshness = 5 * time.Second

// minimum is the smallest sample of one second.
type minimum struct {
	second int64 // since begin, from 1 on; 0 for none
	ms     int64
}

func newClockDifference(tolerance time.Duration, log *slog.Logger, gauge *metrics.Gauge) *clockDifference {
	return &clockDifference{tolerance: tolerance.Milliseconds(), log: log, gauge: gauge, begin: time.Now().Add(-time.Second)}
}

// effective is the difference to reckon with, in ms; 0 while the clocks agree.
func (d *clockDifference) effective() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used
}

// askServer takes the server's own word for it, until the first entries are read. Its
// ids may be ahead of that: they stand still after its clock was put back. A server
// that does not tell is taken at its entries' word.
func (d *clockDifference) askServer(ctx context.Context, c *redis.Client, stream string, last redis.ID) {
	before := time.Now()
	server, err := c.Time(ctx, stream)
	if err != nil {
		d.log.Debug("the server does not tell its time", "error", err)
		return
	}
	now := before.Add(time.Since(before) / 2).UnixMilli()
	d.set(now - max(server.UnixMilli(), int64(min(last.Ms, math.MaxInt64))))
}

// forget drops what was measured with another server. What is in force stays
// until the first entries of this one.
func (d *clockDifference) forget() {
	d.minimum = [minimumWindow]minimum{}
	d.emptiedAt = 0
}

// observe takes note of a read that ended at now. Its last entry has the id last;
// emptiedAt says that the stream held no more. Only what was added after an
// earlier read had emptied the stream is certain to be new.
func (d *clockDifference) observe(now time.Time, last redis.ID, emptiedAt bool) {
	if !emptiedAt {
		d.emptiedAt = 0
		return
	}
	at := now.Sub(d.begin)
	fresh := d.emptiedAt > 0 && at-d.emptiedAt <= freshness
	d.emptiedAt = at
	if !fresh || last.IsZero() || last.Ms > math.MaxInt64 {
		return
	}
	sample, second := now.UnixMilli()-int64(last.Ms), int64(at/time.Second)
	if slot := &d.minimum[second%minimumWindow]; slot.second != second || sample < slot.ms {
		*slot = minimum{second, sample}
	}
	for _, x := range d.minimum {
		if x.second > max(0, second-minimumWindow) {
			sample = min(sample, x.ms)
		}
	}
	d.set(sample)
}

// set puts a difference in force, and tells when the clocks begin and cease to
// disagree.
func (d *clockDifference) set(ms int64) {
	d.gauge.Set(float64(ms))
	used := ms
	if max(ms, -ms) <= d.tolerance {
		used = 0
	}
	d.mu.Lock()
	before := d.used
	d.used = used
	d.mu.Unlock()
	switch {
	case before == 0 && used != 0:
		d.log.Warn("the clock of the Redis server differs from this machine's; arrivals are corrected by that on screens (LIVE_FUTURE_TOLERANCE_MS)",
			"difference", time.Duration(ms)*time.Millisecond)
	case before != 0 && used == 0:
		d.log.Info("the clock of the Redis server agrees with this machine's again", "difference", time.Duration(ms)*time.Millisecond)
	}
}
