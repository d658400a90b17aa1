package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Partitions are the monthly RANGE partitions on ts that positions may consist
// of, on PostgreSQL. Months are those of UTC, and there is no default
// partition: it would rule out detaching without a long lock, and a last value
// would be looked for in every month.
type Partitions interface {
	// EnablePartitions makes the empty table positions one that consists of
	// partitions, with its columns, constraints, indexes, triggers, privileges
	// and owner, and without a partition as yet. It returns false when that had
	// been done before, and refuses a table that holds rows or on which
	// something hangs that would be lost.
	EnablePartitions(ctx context.Context) (bool, error)

	// MakePartitions makes what lacks of months, which may be any times in
	// them, and returns the names of the tables that it has made. What another
	// partition covers stays with that. Processes may do it at the same time,
	// and writers go on meanwhile. It fails with ErrNotPartitioned when
	// positions is no table of partitions by ts.
	MakePartitions(ctx context.Context, months []time.Time) ([]string, error)

	// DetachPartitions takes the partitions that end at before, or earlier, off
	// positions, without a lock that readers or writers would wait for. They
	// stay as tables, whose names it returns, also when a later one failed. It
	// finishes what was interrupted, and does nothing while another process is
	// at it. It fails with ErrNotPartitioned as MakePartitions does.
	DetachPartitions(ctx context.Context, before time.Time) ([]string, error)

	// Now returns the time of the server's clock; on SQLite, of this machine's.
	Now(ctx context.Context) (time.Time, error)

	// CheckRetention returns nil when DetachPartitions can work, otherwise why it
	// cannot, and what to do about it.
	CheckRetention(ctx context.Context) error
}

// ErrNotPartitioned says that positions does not consist of partitions by ts.
var ErrNotPartitioned = errors.New("positions is not partitioned by month")

// Month returns the beginning of t's month.
func Month(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// Months returns the month of t and the n after it.
func Months(t time.Time, n int) []time.Time {
	out := make([]time.Time, 0, n+1)
	for i := range n + 1 {
		out = append(out, Month(t).AddDate(0, i, 0))
	}
	return out
}

// span is a time from from on, to excluded.
type span struct{ from, to time.Time }

// free returns what taken leave of s, in order.
func (s span) free(taken []span) []span {
	slices.SortFunc(taken, func(a, b span) int { return a.from.Compare(b.from) })
	var out []span
	for _, t := range taken {
		if t.from.After(s.from) && s.from.Before(s.to) {
			out = append(out, span{s.from, earlier(t.from, s.to)})
		}
		if t.to.After(s.from) {
			s.from = t.to
		}
	}
	if s.from.Before(s.to) {
		out = append(out, s)
	}
	return out
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// errNoPartitions is the embedded database's word on all of it.
var errNoPartitions = fmt.Errorf("%w: the embedded database has no partitions, PostgreSQL has (DATABASE_URL)", ErrNotPartitioned)

func (s *sqlite) EnablePartitions(context.Context) (bool, error) { return false, errNoPartitions }

func (s *sqlite) Now(context.Context) (time.Time, error) { return time.Now(), nil }

func (s *sqlite) MakePartitions(context.Context, []time.Time) ([]string, error) {
	return nil, errNoPartitions
}

func (s *sqlite) DetachPartitions(context.Context, time.Time) ([]string, error) {
	return nil, errNoPartitions
}

func (s *sqlite) CheckRetention(context.Context) error { return errNoPartitions }
