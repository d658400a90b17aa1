package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"pitwall/engine/config"
	"pitwall/engine/internal/db"
)

// openPartitions opens a database that can have partitions.
func openPartitions(ctx context.Context, c config.Database, log *slog.Logger) (db.Database, error) {
	if c.DatabaseURL == "" {
		return nil, errors.New("DATABASE_URL is not set, and the embedded database has no partitions: they are PostgreSQL's")
	}
	return db.Open(ctx, c.DatabaseOptions(log))
}

// EnablePartitions makes the empty table positions one of monthly partitions,
// and says on out what was done. It makes no month as yet.
func EnablePartitions(ctx context.Context, c config.Database, log *slog.Logger, out io.Writer) error {
	d, err := openPartitions(ctx, c, log)
	if err != nil {
		return err
	}
	defer d.Close()
	done, err := d.EnablePartitions(ctx)
	if err != nil {
		return err
	}
	if !done {
		fmt.Fprintln(out, "positions is partitioned by month already")
		return nil
	}
	fmt.Fprintln(out, "positions is partitioned by month now; serve makes the months, or pitwall partition ensure does")
	return nil
}

// EnsurePartitions makes what lacks of the month of from and the months after
// it, as many as ahead says, and lists on out what it has made. The zero time is
// this month, by the database's clock.
func EnsurePartitions(ctx context.Context, c config.Database, from time.Time, ahead int, log *slog.Logger, out io.Writer) error {
	d, err := openPartitions(ctx, c, log)
	if err != nil {
		return err
	}
	defer d.Close()
	if from.IsZero() {
		if from, err = d.Now(ctx); err != nil {
			return err
		}
	}
	months := db.Months(from, ahead)
	made, err := d.MakePartitions(ctx, months)
	for _, name := range made {
		fmt.Fprintln(out, "made", name)
	}
	if err == nil && len(made) == 0 {
		fmt.Fprintf(out, "every month up to %s is there\n", months[len(months)-1].Format("2006-01"))
	}
	return err
}
