package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync/atomic"
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
	partitionsAgain = time.Minute

	// partitionsTime bounds one look, however many months it detaches.
	partitionsTime = 10 * time.Minute

	// detachGrace is for how long the positions of a month have been expired
	// when it is detached, so that those that arrived before find it there.
	detachGrace = 24 * time.Hour

	// clockTolerance is how far the clocks of the database, of Redis and of this
	// machine may be apart for anything to be taken as too old.
	clockTolerance = time.Hour
)

// errNotOurs says that this process makes no months.
var errNotOurs = errors.New("ARCHIVE_PARTITION_AHEAD is 0: months are made by others")

// partitions looks after the months of the table. Any goroutine may use it.
type partitions struct {
	table            Partitions                                 // nil: nothing is made or detached
	redis            func(context.Context) ([]time.Time, error) // the clocks of the Redis servers
	ahead, retention int                                        // months
	now              func() time.Time                           // this machine's clock
	every, again     time.Duration                              // partitionsEvery and partitionsAgain; shorter in tests
	log              *slog.Logger
	meters           *meters
	health           *health.Check // whether the clocks agree; nil without a retention

	reading atomic.Pointer[reading] // nil as long as nobody knows what time it is
}

// reading is what the database's clock said at a moment. Time that has passed
// since is measured without a clock that can be set.
type reading struct {
	server time.Time
	at     time.Time // with a monotonic part
}

func newPartitions(o *Options, m *meters) *partitions {
	p := &partitions{table: o.Partitions, redis: serverClocks(o), ahead: o.PartitionAhead, retention: o.Retention, now: time.Now,
		every: partitionsEvery, again: partitionsAgain, log: o.Logger, meters: m}
	if p.retention > 0 {
		p.health = o.Health.Check("retention", health.Never)
	}
	return p
}

// serverClocks returns what asks the server of each stream for the time.
func serverClocks(o *Options) func(context.Context) ([]time.Time, error) {
	streams := o.Streams
	if !o.Client.IsCluster() {
		streams = streams[:1]
	}
	return func(ctx context.Context) (times []time.Time, err error) {
		for _, stream := range streams {
			t, err := o.Client.Time(ctx, stream)
			if err != nil {
				return nil, fmt.Errorf("ask Redis for the time: %w", err)
			}
			times = append(times, t)
		}
		return times, nil
	}
}

// errExpired says that positions have become too old for the table while they
// waited for it.
var errExpired = errors.New("positions have expired while they waited")

// errClocks says that nobody knows which positions are too old.
var errClocks = errors.New("the clocks of the database, of Redis and of this machine are more than an hour apart: " +
	"nothing is detached or left out as too old (ARCHIVE_RETENTION_MONTHS) until the wrong one is set")

// formatted lists times for people.
func formatted(times []time.Time) string {
	words := make([]string, len(times))
	for i, t := range times {
		words[i] = t.UTC().Format(time.RFC3339)
	}
	return strings.Join(words, ", ")
}

// cutoff is the time before which positions are not kept any more: the
// beginning of the month retention months back.
func cutoff(now time.Time, retention int) time.Time {
	return db.Month(now).AddDate(0, -retention, 0)
}

// readClocks asks all clocks, and takes note of the database's when they agree.
func (p *partitions) readClocks(ctx context.Context) (time.Time, error) {
	at := time.Now()
	server, err := p.table.Now(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask the database for the time: %w", err)
	}
	redis, err := p.redis(ctx)
	if err != nil {
		return time.Time{}, err
	}
	own := p.now()
	times := append([]time.Time{server, own}, redis...)
	if slices.MaxFunc(times, time.Time.Compare).Sub(slices.MinFunc(times, time.Time.Compare)) > clockTolerance {
		err := fmt.Errorf("%w (database %s, Redis %s, this machine %s)", errClocks,
			server.UTC().Format(time.RFC3339), formatted(redis), own.UTC().Format(time.RFC3339))
		p.reading.Store(nil)
		p.health.Fault(err)
		return time.Time{}, err
	}
	p.reading.Store(&reading{server, at})
	p.health.OK()
	return server, nil
}

// bounds say which positions are too old for the table.
type bounds struct {
	retention int
	expired   int64 // in ms since the Unix epoch: those from here on are not
	gone      int64 // the months of older ones are detached
}

// bounds returns those of now. Nothing is too old as long as nobody knows what
// time it is.
func (p *partitions) bounds() bounds {
	r := p.reading.Load()
	if p.retention == 0 || r == nil {
		return bounds{expired: math.MinInt64}
	}
	now := r.server.Add(time.Since(r.at))
	return bounds{p.retention, cutoff(now, p.retention).UnixMilli(), cutoff(now.Add(-detachGrace), p.retention).UnixMilli()}
}

// drop says whether a position is too old. It was so when it arrived, whoever
// reads it and when, or its month is gone by now. An arrival that is ahead, by a
// clock of Redis that was, makes nothing too old that is not so now.
func (b *bounds) drop(p *codec.Position) bool {
	return p.TS < b.expired && (p.TS < b.gone || p.TS < cutoff(time.UnixMilli(p.Arrival), b.retention).UnixMilli())
}

// run makes months ahead and detaches old ones, until ctx ends.
func (p *partitions) run(ctx context.Context) {
	if p.table == nil {
		return
	}
	fault := pace.Quiet{Every: partitionsEvery}
	for {
		pause := p.every
		limited, cancel := context.WithTimeout(ctx, partitionsTime)
		err := p.keep(limited)
		cancel()
		if err != nil && ctx.Err() == nil {
			pause = p.again
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
func (p *partitions) keep(ctx context.Context) error {
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
func (p *partitions) makeAhead(ctx context.Context) error {
	now, err := p.table.Now(ctx)
	if err != nil {
		return fmt.Errorf("ask the database for the time: %w", err)
	}
	return p.make(ctx, db.Months(now, p.ahead))
}

// detach takes the months that are too old off the table, if that is known.
func (p *partitions) detach(ctx context.Context) error {
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
	if p.retention > 0 && p.table != nil {
		_, _ = p.readClocks(ctx) // where a server does not answer, what was known before counts
	}
	bounds := p.bounds()
	seen := map[time.Time]bool{}
	var months []time.Time
	for i := range positions {
		if bounds.drop(&positions[i]) {
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
