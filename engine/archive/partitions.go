package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/pace"
)

// Partitions make and detach the months that the table consists of. Where it
// does not, they fail with db.ErrNotPartitioned. Any goroutine calls them, and
// other processes do the same at the same time.
type Partitions interface {
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
	partitionsAgain = time.Minute

	// partitionsTime bounds one look, however many months it detaches.
	partitionsTime = 10 * time.Minute

	// detachGrace is for how long the positions of a month have been expired
	// when it is detached, so that no process whose clock is a little behind
	// makes it again.
	detachGrace = 24 * time.Hour
)

// errNotOurs says that this process makes no months.
var errNotOurs = errors.New("ARCHIVE_PARTITION_AHEAD is 0: months are made by others")

// partitions looks after the months of the table. Any goroutine may use it.
type partitions struct {
	table            Partitions // nil: nothing is made or detached
	ahead, retention int        // months
	now              func() time.Time
	log              *slog.Logger
	meters           *meters
}

// errExpired says that positions have become too old for the table while they
// waited for it.
var errExpired = errors.New("positions have expired while they waited")

// cutoff is the time before which positions are not kept any more: the
// beginning of the month retention months back.
func (p *partitions) cutoff(now time.Time) time.Time {
	return db.Month(now).AddDate(0, -p.retention, 0)
}

// oldest returns the oldest time of positions that are archived, in ms since
// the Unix epoch.
func (p *partitions) oldest() int64 {
	if p.retention == 0 {
		return math.MinInt64
	}
	return p.cutoff(p.now()).UnixMilli()
}

// run makes months ahead and detaches old ones, until ctx ends.
func (p *partitions) run(ctx context.Context) {
	if p.table == nil {
		return
	}
	fault := pace.Quiet{Every: partitionsEvery}
	for {
		pause := partitionsEvery
		limited, cancel := context.WithTimeout(ctx, partitionsTime)
		err := p.keep(limited, p.now())
		cancel()
		if err != nil && ctx.Err() == nil {
			pause = partitionsAgain
			p.meters.partitionFailures.Inc()
			if n, ok := fault.Tell(time.Now()); ok {
				p.log.Warn("the months of positions could not be looked after, trying again", "err", err, "times", n)
			}
		}
		if pace.Sleep(ctx, pause) != nil {
			return
		}
	}
}

// keep makes what lacks ahead, and detaches what is too old.
func (p *partitions) keep(ctx context.Context, now time.Time) error {
	var errs []error
	if p.ahead > 0 {
		errs = append(errs, p.make(ctx, db.Months(now, p.ahead)))
	}
	if p.retention > 0 {
		names, err := p.table.DetachPartitions(ctx, p.cutoff(now.Add(-detachGrace)))
		p.meters.partitionsDetached.Add(len(names))
		if len(names) > 0 {
			p.log.Info("months older than ARCHIVE_RETENTION_MONTHS were detached from positions; they are tables of their own now", "tables", names)
		}
		errs = append(errs, err)
	}
	err := errors.Join(errs...)
	if errors.Is(err, db.ErrNotPartitioned) {
		return nil // one table, as most are
	}
	return err
}

// make makes months that lack.
func (p *partitions) make(ctx context.Context, months []time.Time) error {
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
func (p *partitions) wanted(ctx context.Context, positions []codec.Position) error {
	oldest := p.oldest()
	seen := map[time.Time]bool{}
	var months []time.Time
	for i := range positions {
		if positions[i].TS < oldest {
			return errExpired
		}
		if m := db.Month(time.UnixMilli(positions[i].TS)); !seen[m] {
			seen[m] = true
			months = append(months, m)
		}
	}
	if p.table == nil || p.ahead == 0 {
		return errNotOurs
	}
	if err := p.make(ctx, months); err != nil {
		return fmt.Errorf("for positions without a month: %w", err)
	}
	return nil
}
