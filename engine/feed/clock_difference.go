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

// clockDifference measures this machine's clock minus the Redis server's clock
// (contract 1). An entry's id is the server's time at its arrival, so the age of an
// entry that was just added is the difference plus the time until it was read. The
// minimum over a minute removes that time.
//
// The goroutine that reads owns it; any goroutine may call effective.
type clockDifference struct {
	tolerance int64 // ms up to which the clocks count as equal
	log       *slog.Logger
	gauge     *metrics.Gauge

	begin     time.Time              // origin of the seconds below, on the monotonic clock
	minima    [minimumWindow]minimum // by second
	emptiedAt time.Duration          // when a read last emptied the stream, since begin; 0 for never

	mu       sync.Mutex // guards used and measured
	used     int64      // ms; 0 while it is within the tolerance
	measured int64      // ms
}

// minimumWindow is how many seconds the minimum covers.
const minimumWindow = 60

// freshness is how recently a read must have emptied the stream for the age of the
// next entry to be used. An entry that waited longer may be old.
const freshness = 5 * time.Second

// minimum is the smallest sample of one second.
type minimum struct {
	second int64 // since begin, from 1 on; 0 for none
	ms     int64
}

func newClockDifference(tolerance time.Duration, log *slog.Logger, gauge *metrics.Gauge) *clockDifference {
	return &clockDifference{tolerance: tolerance.Milliseconds(), log: log, gauge: gauge, begin: time.Now().Add(-time.Second)}
}

// effective returns the difference that positions are corrected by, in ms; 0 while
// the clocks agree.
func (d *clockDifference) effective() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used
}

// asMeasured returns the difference, also while it is within the tolerance.
func (d *clockDifference) asMeasured() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Duration(d.measured) * time.Millisecond
}

// askServer sets the difference from the server's TIME, until the first entries are
// read. After the server's clock was set back, its ids stay ahead of TIME until the
// clock has caught up, so the later of TIME and the last id is used. If TIME fails, the
// difference stays 0 until entries are read.
func (d *clockDifference) askServer(ctx context.Context, c *redis.Client, stream string, last redis.ID) {
	before := time.Now()
	server, err := c.Time(ctx, stream)
	if err != nil {
		d.log.Debug("asking the server for its time failed", "error", err)
		return
	}
	now := before.Add(time.Since(before) / 2).UnixMilli()
	d.set(now - max(server.UnixMilli(), int64(min(last.Ms, math.MaxInt64))))
}

// forget drops the samples of the previous server. The effective difference stays
// until the first entries of the new server.
func (d *clockDifference) forget() {
	d.minima = [minimumWindow]minimum{}
	d.emptiedAt = 0
}

// observe records a read that ended at now. last is the id of its last entry, zero
// for none; emptied says that the stream held no more. Only an entry that was added
// after an earlier read had emptied the stream is certain to be new.
func (d *clockDifference) observe(now time.Time, last redis.ID, emptied bool) {
	if !emptied {
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
	if slot := &d.minima[second%minimumWindow]; slot.second != second || sample < slot.ms {
		*slot = minimum{second, sample}
	}
	for _, x := range d.minima {
		if x.second > max(0, second-minimumWindow) {
			sample = min(sample, x.ms)
		}
	}
	d.set(sample)
}

// set sets the difference, and logs when the clocks begin or cease to disagree.
func (d *clockDifference) set(ms int64) {
	d.gauge.Set(float64(ms))
	used := ms
	if max(ms, -ms) <= d.tolerance {
		used = 0
	}
	d.mu.Lock()
	before := d.used
	d.used, d.measured = used, ms
	d.mu.Unlock()
	switch {
	case before == 0 && used != 0:
		d.log.Warn("the clock of the Redis server differs from this machine's; the arrival times shown to clients are corrected (LIVE_FUTURE_TOLERANCE_MS)",
			"difference", time.Duration(ms)*time.Millisecond)
	case before != 0 && used == 0:
		d.log.Info("the clock of the Redis server agrees with this machine's again", "difference", time.Duration(ms)*time.Millisecond)
	}
}
