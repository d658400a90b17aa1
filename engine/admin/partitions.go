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

// openPartitions opens a database that supports partitions.
func openPartitions(ctx context.Context, c config.Database, log *slog.Logger) (db.Database, error) {
	if c.DatabaseURL == "" {
		return nil, errors.New("DATABASE_URL is not set, and the embedded database has no partitions: they need PostgreSQL")
	}
	return db.Open(ctx, c.DatabaseOptions(log))
}

// EnablePartitions turns the empty table positions into one with monthly partitions.
// It creates no month yet.
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
		fmt.Fprintln(out, "positions is already partitioned by month")
		return nil
	}
	fmt.Fprintln(out, "positions is now partitioned by month; serve creates the months, or pitwall partition ensure does")
	return nil
}

// EnsurePartitions creates the missing partitions of the month of from and of ahead
// months after it, and prints their names. A zero from is the current month of the
// database's clock.
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
		fmt.Fprintln(out, "created", name)
	}
	if err == nil && len(made) == 0 {
		fmt.Fprintf(out, "every month up to %s exists\n", months[len(months)-1].Format("2006-01"))
	}
	return err
}
