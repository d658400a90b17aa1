package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/health"
	"pitwall/engine/internal/pace"
)

// Partitions makes and detaches the months of the table. Its methods fail with
// db.ErrNotPartitioned when the table has no partitions. Any goroutine may call
// them, and other processes may do the same at the same time.
type Partitions interface {
	// Now returns the time of the database's clock.
	Now(ctx context.Context) (time.Time, error)
	// MakePartitions makes those months that are missing, and returns the names of
	// the new tables.
	MakePartitions(ctx context.Context, months []time.Time) ([]string, error)
	// DetachPartitions detaches the months that end at before, or earlier, and
	// returns their names.
	DetachPartitions(ctx context.Context, before time.Time) ([]string, error)
}

const (
	// partitionsEvery is the interval at which months are made ahead and detached,
	// partitionsRetry the interval after a failure.
	partitionsEvery = time.Hour
	partitionsRetry = time.Minute

	// partitionsTimeout bounds one pass, however many months it detaches.
	partitionsTimeout = 10 * time.Minute

	// detachGrace is how long after its expiry a month is detached, so that
	// positions that arrived in time are still inserted.
	detachGrace = 24 * time.Hour
)

// errMonthsMadeElsewhere says that this process makes no months.
var errMonthsMadeElsewhere = errors.New("ARCHIVE_PARTITION_AHEAD is 0, so this process makes no months")

// monthKeeper makes and detaches the months of the table. Any goroutine may use it.
type monthKeeper struct {
	table            Partitions // nil: nothing is made or detached
	streams          []string
	redis            func(ctx context.Context, stream string) (time.Time, error) // clock of the server of a stream
	ahead, retention int                                                         // months
	now              func() time.Time                                            // this machine's clock
	retryEvery       time.Duration                                               // partitionsRetry; shorter in tests
	log              *slog.Logger
	meters           *meters
	health           *health.Check // whether the clocks agree; nil without a retention

	mu      sync.Mutex
	reading *clockReading // nil while the time is not known; guarded by mu
}

func newMonthKeeper(o *Options, m *meters) *monthKeeper {
	k := &monthKeeper{table: o.Partitions, streams: o.Streams, redis: o.Client.Time, ahead: o.PartitionAhead, retention: o.Retention, now: time.Now,
		retryEvery: partitionsRetry, log: o.Logger, meters: m}
	if k.retention > 0 {
		k.health = o.Health.Check("retention", health.Never)
	}
	return k
}

// run makes months ahead and detaches old ones, until ctx ends.
func (k *monthKeeper) run(ctx context.Context) {
	if k.table == nil {
		return
	}
	fault := pace.LogLimiter{Every: partitionsEvery}
	for {
		pause := partitionsEvery
		limited, cancel := context.WithTimeout(ctx, partitionsTimeout)
		err := k.maintain(limited)
		cancel()
		if err != nil && ctx.Err() == nil {
			pause = k.retryEvery
			k.meters.partitionFailures.Inc()
			if n, ok := fault.Allow(time.Now()); ok {
				k.log.Warn("the months of positions could not be maintained, trying again", "error", err, "times", n)
			}
		}
		if pace.Sleep(ctx, pause) != nil {
			return
		}
	}
}

// maintain makes months ahead, and detaches those that are too old.
func (k *monthKeeper) maintain(ctx context.Context) error {
	var errs []error
	if k.ahead > 0 {
		errs = append(errs, k.makeAhead(ctx))
	}
	if k.retention > 0 {
		errs = append(errs, k.detach(ctx))
	}
	err := errors.Join(errs...)
	if errors.Is(err, db.ErrNotPartitioned) {
		return nil // a single table: nothing to maintain
	}
	return err
}

// makeAhead makes the current month, by the database's clock, and those ahead.
func (k *monthKeeper) makeAhead(ctx context.Context) error {
	now, err := k.table.Now(ctx)
	if err != nil {
		return fmt.Errorf("ask the database for the time: %w", err)
	}
	return k.make(ctx, db.Months(now, k.ahead))
}

// detach detaches the months that are too old, unless the clocks disagree.
func (k *monthKeeper) detach(ctx context.Context) error {
	now, err := k.readClocks(ctx)
	if err != nil {
		return err
	}
	names, err := k.table.DetachPartitions(ctx, cutoff(now.Add(-detachGrace), k.retention))
	k.meters.partitionsDetached.Add(len(names))
	if len(names) > 0 {
		k.log.Info("months older than ARCHIVE_RETENTION_MONTHS were detached from positions; each stays as a separate table", "tables", names)
	}
	return err
}

// make makes those months that are missing.
func (k *monthKeeper) make(ctx context.Context, months []time.Time) error {
	names, err := k.table.MakePartitions(ctx, months)
	k.meters.partitionsMade.Add(len(names))
	if len(names) > 0 {
		k.log.Info("months of positions made", "tables", names)
	}
	return err
}

// makeFor makes the months of positions, at least one of which is missing. It fails
// with errExpired when one of the positions has become too old: the batch must then
// be filled again.
func (k *monthKeeper) makeFor(ctx context.Context, positions []codec.Position) error {
	if k.retention > 0 && k.table != nil {
		_, _ = k.readClocks(ctx) // if a server does not answer, the previous reading counts
	}
	bounds := k.bounds()
	seen := map[time.Time]bool{}
	var months []time.Time
	for i := range positions {
		if bounds.tooOld(&positions[i]) {
			return errExpired
		}
		if m := db.Month(time.UnixMilli(positions[i].TS)); !seen[m] {
			seen[m] = true
			months = append(months, m)
		}
	}
	if k.table == nil || k.ahead == 0 {
		return errMonthsMadeElsewhere
	}
	if err := k.make(ctx, months); err != nil {
		return fmt.Errorf("make the missing months: %w", err)
	}
	return nil
}
