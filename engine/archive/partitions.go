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

// Partitions make and detach the months that the table consists of. Where it
// does not, they fail with db.ErrNotPartitioned. Any goroutine calls them, and
// other processes do the same at the same time.
type Partitions interface {
	// Now returns the time of the database's clock.
	Now(ctx context.Context) (time.Time, error)
	// MakePartitions makes what lacks of months and returns the names of what
	// it has made.
	MakePartitions(ctx context.Context, months []time.Time) ([]string, error)
	// DetachPartitions takes the months that end at before, or earlier, off the
	// table and returns their names.
	DetachPartitions(ctx context.Context, before time.Time) ([]string, error)
}

const (
	// partitionsEvery is how often months are made ahead and detached, and
	// partitionsAgain how soon after a failure.
	partitionsEvery = time.Hour
	partitionsRetry = time.Minute

	// partitionsTime bounds one look, however many months it detaches.
	partitionsTimeout = 10 * time.Minute

	// detachGrace is for how long the positions of a month have been expired
	// when it is detached, so that those that arrived before find it there.
	detachGrace = 24 * time.Hour
)

// errNotOurs says that this process makes no months.
var errMonthsMadeElsewhere = errors.New("ARCHIVE_PARTITION_AHEAD is 0: months are made by others")

// partitions looks after the months of the table. Any goroutine may use it.
type monthKeeper struct {
	table            Partitions // nil: nothing is made or detached
	streams          []string
	redis            func(ctx context.Context, stream string) (time.Time, error) // the clock of the server that has a stream
	ahead, retention int                                                         // months
	now              func() time.Time                                            // this machine's clock
	retryEvery       time.Duration                                               // partitionsAgain; shorter in tests
	log              *slog.Logger
	meters           *meters
	health           *health.Check // whether the clocks agree; nil without a retention

	mu      sync.Mutex
	reading *clockReading // nil as long as nobody knows what time it is; guarded by mu
}

func newMonthKeeper(o *Options, m *meters) *monthKeeper {
	p := &monthKeeper{table: o.Partitions, streams: o.Streams, redis: o.Client.Time, ahead: o.PartitionAhead, retention: o.Retention, now: time.Now,
		retryEvery: partitionsRetry, log: o.Logger, meters: m}
	if p.retention > 0 {
		p.health = o.Health.Check("retention", health.Never)
	}
	return p
}

// run makes months ahead and detaches old ones, until ctx ends.
func (p *monthKeeper) run(ctx context.Context) {
	if p.table == nil {
		return
	}
	fault := pace.LogLimiter{Every: partitionsEvery}
	for {
		pause := partitionsEvery
		limited, cancel := context.WithTimeout(ctx, partitionsTimeout)
		err := p.maintain(limited)
		cancel()
		if err != nil && ctx.Err() == nil {
			pause = p.retryEvery
			p.meters.partitionFailures.Inc()
			if n, ok := fault.Allow(time.Now()); ok {
				p.log.Warn("the months of positions could not be looked after, trying again", "error", err, "times", n)
			}
		}
		if pace.Sleep(ctx, pause) != nil {
			return
		}
	}
}

// keep makes what lacks ahead, and detaches what is too old.
func (p *monthKeeper) maintain(ctx context.Context) error {
	var errs []error
	if p.ahead > 0 {
		errs = append(errs, p.makeAhead(ctx))
	}
	if p.retention > 0 {
		errs = append(errs, p.detach(ctx))
	}
	err := errors.Join(errs...)
	if errors.Is(err, db.ErrNotPartitioned) {
		return nil // one table, as most are
	}
	return err
}

// makeAhead makes the months from the database's on.
func (p *monthKeeper) makeAhead(ctx context.Context) error {
	now, err := p.table.Now(ctx)
	if err != nil {
		return fmt.Errorf("ask the database for the time: %w", err)
	}
	return p.make(ctx, db.Months(now, p.ahead))
}

// detach takes the months that are too old off the table, if that is known.
func (p *monthKeeper) detach(ctx context.Context) error {
	now, err := p.readClocks(ctx)
	if err != nil {
		return err
	}
	names, err := p.table.DetachPartitions(ctx, cutoff(now.Add(-detachGrace), p.retention))
	p.meters.partitionsDetached.Add(len(names))
	if len(names) > 0 {
		p.log.Info("months older than ARCHIVE_RETENTION_MONTHS were detached from positions; they are tables of their own now", "tables", names)
	}
	return err
}

// make makes months that lack.
func (p *monthKeeper) make(ctx context.Context, months []time.Time) error {
	names, err := p.table.MakePartitions(ctx, months)
	p.meters.partitionsMade.Add(len(names))
	if len(names) > 0 {
		p.log.Info("months of positions made", "tables", names)
	}
	return err
}

// wanted makes the months of positions for one of which there was none. It
// fails with errExpired when one of them is too old by now: the batch is to be
// sorted again.
func (p *monthKeeper) makeFor(ctx context.Context, positions []codec.Position) error {
	if p.retention > 0 && p.table != nil {
		_, _ = p.readClocks(ctx) // where a server does not answer, what was known before counts
	}
	bounds := p.bounds()
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
	if p.table == nil || p.ahead == 0 {
		return errMonthsMadeElsewhere
	}
	if err := p.make(ctx, months); err != nil {
		return fmt.Errorf("for positions without a month: %w", err)
	}
	return nil
}
