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

// clockTolerance is how far the clocks of the database, of Redis and of this machine
// may differ. If they differ by more, nothing counts as too old, because one wrong
// clock could detach every month.
const clockTolerance = time.Hour

// clockReading is a reading of the database's clock. The time since then is
// measured with the monotonic clock, which cannot be set.
type clockReading struct {
	server time.Time
	at     time.Time // with a monotonic part
}

// errExpired says that positions became too old for the table while they waited.
var errExpired = errors.New("positions have expired while they waited")

// errClocks says that it is not known which positions are too old.
var errClocks = errors.New("the clocks of the database, of Redis and of this machine are more than an hour apart: " +
	"nothing is detached or left out as too old (ARCHIVE_RETENTION_MONTHS) until they agree; set the wrong one")

// cutoff is the time before which positions are no longer kept: the beginning of
// the month that is retention months before now.
func cutoff(now time.Time, retention int) time.Time {
	return db.Month(now).AddDate(0, -retention, 0)
}

// readClocks reads all clocks. It records the database's time if they agree.
func (k *monthKeeper) readClocks(ctx context.Context) (time.Time, error) {
	at := time.Now()
	server, err := k.table.Now(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask the database for the time: %w", err)
	}
	own := k.now()
	times := []time.Time{server, own}
	said := "database " + server.UTC().Format(time.RFC3339) + ", this machine " + own.UTC().Format(time.RFC3339)
	for _, stream := range k.streams {
		redis, err := k.redis(ctx, stream)
		if err != nil {
			return time.Time{}, fmt.Errorf("ask Redis for the time: %w", err)
		}
		times = append(times, redis)
		said += ", Redis of " + stream + " " + redis.UTC().Format(time.RFC3339)
	}
	if slices.MaxFunc(times, time.Time.Compare).Sub(slices.MinFunc(times, time.Time.Compare)) > clockTolerance {
		err := fmt.Errorf("%w (%s)", errClocks, said)
		k.setReading(nil)
		k.health.Fault(err)
		return time.Time{}, err
	}
	k.setReading(&clockReading{server, at})
	k.health.OK()
	return server, nil
}

// setReading records a reading, or with nil that there is none.
func (k *monthKeeper) setReading(r *clockReading) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reading = r
}

// bounds decide which positions are too old for the table.
type bounds struct {
	retention int
	expired   int64 // ms since the Unix epoch: positions from here on are kept
	detached  int64 // ms since the Unix epoch: the months before are detached
}

// bounds returns the current bounds. While the time is not known, nothing is too
// old.
func (k *monthKeeper) bounds() bounds {
	k.mu.Lock()
	r := k.reading
	k.mu.Unlock()
	if k.retention == 0 || r == nil {
		return bounds{expired: math.MinInt64}
	}
	now := r.server.Add(time.Since(r.at))
	return bounds{k.retention, cutoff(now, k.retention).UnixMilli(), cutoff(now.Add(-detachGrace), k.retention).UnixMilli()}
}

// tooOld reports whether a position is too old for the table. Two conditions must hold:
//
//   - It is too old now. This matters if the clock of Redis was wrong and the arrival
//     is in the future.
//   - It was already too old when it arrived, or its month is detached. So a position
//     that only waited too long in the stream is still inserted.
func (b *bounds) tooOld(p *codec.Position) bool {
	return p.TS < b.expired && (p.TS < b.detached || p.TS < cutoff(time.UnixMilli(p.Arrival), b.retention).UnixMilli())
}
