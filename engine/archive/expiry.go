package archive

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/db"
)

// clockTolerance is how far the clocks of the database, of Redis and of this
// machine may be apart for anything to be taken as too old.
const clockTolerance = time.Hour

// reading is what the database's clock said at a moment. Time that has passed
// since is measured without a clock that can be set.
type clockReading struct {
	server time.Time
	at     time.Time // with a monotonic part
}

// errExpired says that positions have become too old for the table while they
// waited for it.
var errExpired = errors.New("positions have expired while they waited")

// errClocks says that nobody knows which positions are too old.
var errClocks = errors.New("the clocks of the database, of Redis and of this machine are more than an hour apart: " +
	"nothing is detached or left out as too old (ARCHIVE_RETENTION_MONTHS) until the wrong one is set")

// cutoff is the time before which positions are not kept any more: the
// beginning of the month retention months back.
func cutoff(now time.Time, retention int) time.Time {
	return db.Month(now).AddDate(0, -retention, 0)
}

// readClocks asks all clocks, and takes note of the database's when they agree.
func (p *monthKeeper) readClocks(ctx context.Context) (time.Time, error) {
	at := time.Now()
	server, err := p.table.Now(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask the database for the time: %w", err)
	}
	own := p.now()
	times := []time.Time{server, own}
	said := "database " + server.UTC().Format(time.RFC3339) + ", this machine " + own.UTC().Format(time.RFC3339)
	for _, stream := range p.streams {
		redis, err := p.redis(ctx, stream)
		if err != nil {
			return time.Time{}, fmt.Errorf("ask Redis for the time: %w", err)
		}
		times = append(times, redis)
		said += ", Redis of " + stream + " " + redis.UTC().Format(time.RFC3339)
	}
	if slices.MaxFunc(times, time.Time.Compare).Sub(slices.MinFunc(times, time.Time.Compare)) > clockTolerance {
		err := fmt.Errorf("%w (%s)", errClocks, said)
		p.setReading(nil)
		p.health.Fault(err)
		return time.Time{}, err
	}
	p.setReading(&clockReading{server, at})
	p.health.OK()
	return server, nil
}

// read takes note of a reading, or that there is none.
func (p *monthKeeper) setReading(r *clockReading) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reading = r
}

// bounds say which positions are too old for the table.
type bounds struct {
	retention int
	expired   int64 // in ms since the Unix epoch: those from here on are not
	detached  int64 // the months of older ones are detached
}

// bounds returns those of now. Nothing is too old as long as nobody knows what
// time it is.
func (p *monthKeeper) bounds() bounds {
	p.mu.Lock()
	r := p.reading
	p.mu.Unlock()
	if p.retention == 0 || r == nil {
		return bounds{expired: math.MinInt64}
	}
	now := r.server.Add(time.Since(r.at))
	return bounds{p.retention, cutoff(now, p.retention).UnixMilli(), cutoff(now.Add(-detachGrace), p.retention).UnixMilli()}
}

// drop says whether a position is too old. It was so when it arrived, whoever
// reads it and when, or its month is gone by now. An arrival that is ahead, by a
// clock of Redis that was, makes nothing too old that is not so now.
func (b *bounds) tooOld(p *codec.Position) bool {
	return p.TS < b.expired && (p.TS < b.detached || p.TS < cutoff(time.UnixMilli(p.Arrival), b.retention).UnixMilli())
}
