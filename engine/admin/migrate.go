package admin

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"pitwall/engine/config"
	"pitwall/engine/internal/db"
)

// MigrateUp applies the pending migrations and prints their names.
func MigrateUp(ctx context.Context, c config.Database, log *slog.Logger, out io.Writer) error {
	d, err := db.Open(ctx, c.DatabaseOptions(log))
	if err != nil {
		return err
	}
	defer d.Close()
	applied, err := d.Migrate(ctx)
	for _, name := range applied {
		fmt.Fprintln(out, "applied", name)
	}
	if err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	if len(applied) == 0 {
		fmt.Fprintln(out, "the database is up to date")
	}
	return nil
}

// MigrateStatus prints the state of each migration. It returns an error if the schema
// is not up to date.
func MigrateStatus(ctx context.Context, c config.Database, log *slog.Logger, out io.Writer) error {
	d, err := db.Open(ctx, c.DatabaseOptions(log))
	if err != nil {
		return err
	}
	defer d.Close()
	list, err := d.Status(ctx)
	if err != nil {
		return fmt.Errorf("read the state of the migrations: %w", err)
	}
	for _, m := range list {
		at := "pending"
		if m.Applied {
			at = "applied " + m.At.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(out, "%-32s %s\n", m.Name, at)
	}
	return d.CheckSchema(ctx)
}

// openReady opens a database whose schema is up to date. The embedded one is migrated
// first; another one with pending migrations is an error.
func openReady(ctx context.Context, c config.Database, log *slog.Logger) (d db.Database, err error) {
	if d, err = db.Open(ctx, c.DatabaseOptions(log)); err != nil {
		return nil, err
	}
	if c.DatabaseURL != "" {
		err = d.CheckSchema(ctx)
	} else if _, err = d.Migrate(ctx); err != nil {
		err = fmt.Errorf("migrate the database: %w", err)
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}
