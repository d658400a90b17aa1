package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Partitions manages the monthly RANGE partitions by ts that positions may have on
// PostgreSQL. Months are in UTC. There is no default partition: with one, months could
// not be detached without a long lock, and every month would be searched for a last
// position.
type Partitions interface {
	// EnablePartitions replaces the empty table positions by a partitioned one with
	// the same columns, constraints, indexes, triggers, privileges and owner, and
	// without partitions. It returns false when the table is partitioned already. It
	// refuses a table that holds rows or has something that would be lost.
	EnablePartitions(ctx context.Context) (bool, error)

	// MakePartitions makes those months that are missing, and returns the names of
	// the new tables. A month is given by any time in it. If an existing partition
	// covers a part of a month, only the rest is made. Several processes may call it at
	// the same time, and it does not block writers. It fails with ErrNotPartitioned
	// when positions is not partitioned by ts.
	MakePartitions(ctx context.Context, months []time.Time) ([]string, error)

	// DetachPartitions detaches the partitions that end at or before a time, without
	// blocking readers or writers. They stay as tables. It returns their names, even if
	// a later one failed. It finishes an interrupted detach, and does nothing while
	// another process detaches. It fails with ErrNotPartitioned as MakePartitions does.
	DetachPartitions(ctx context.Context, before time.Time) ([]string, error)

	// Now returns the time of the server; on SQLite, of this machine.
	Now(ctx context.Context) (time.Time, error)

	// CheckRetention returns nil when DetachPartitions can work, otherwise why it
	// cannot, and what to do about it.
	CheckRetention(ctx context.Context) error
}

// ErrNotPartitioned says that positions is not partitioned by ts.
var ErrNotPartitioned = errors.New("positions is not partitioned by month")

// Month returns the beginning of the month of t, in UTC.
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

// span is a period that includes from and excludes to.
type span struct{ from, to time.Time }

// free returns the parts of s that taken do not cover, in order.
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

// errNoPartitions is the error of the embedded database.
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
