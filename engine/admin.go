package engine

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"pitwall/engine/internal/db"
)

// MigrateUp brings the database up to date and says on out what was done.
func MigrateUp(ctx context.Context, c DatabaseConfig, log *slog.Logger, out io.Writer) error {
	d, err := db.Open(ctx, c.dbOptions(log))
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

// MigrateStatus lists the migrations on out and fails when something lacks.
func MigrateStatus(ctx context.Context, c DatabaseConfig, log *slog.Logger, out io.Writer) error {
	d, err := db.Open(ctx, c.dbOptions(log))
	if err != nil {
		return err
	}
	defer d.Close()
	list, err := d.Status(ctx)
	if err != nil {
		return fmt.Errorf("read the state of the database: %w", err)
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

// openReady opens a database that has everything: the embedded one is migrated
// first, another one is refused when it is behind.
func openReady(ctx context.Context, c DatabaseConfig, log *slog.Logger) (d db.Database, err error) {
	if d, err = db.Open(ctx, c.dbOptions(log)); err != nil {
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

// ImportRoster reads a CSV file of event_id, entry_id, device_id and upserts
// it in one transaction. Nothing is written if one row is bad or dryRun is
// set.
func ImportRoster(ctx context.Context, c DatabaseConfig, file io.Reader, dryRun bool, log *slog.Logger, out io.Writer) error {
	rows, err := db.ParseRosterCSV(file)
	if err != nil {
		return fmt.Errorf("read the roster: %w", err)
	}
	d, err := openReady(ctx, c, log)
	if err != nil {
		return err
	}
	defer d.Close()
	r, err := d.ImportRoster(ctx, rows, dryRun)
	if err != nil {
		return fmt.Errorf("import the roster: %w", err)
	}
	did := "imported"
	if dryRun {
		did = "nothing written; this would be imported"
	}
	fmt.Fprintf(out, "%s: %s; new: %s, %s and %s; moved to another event: %s\n", did,
		count(r.Rows, "row", "rows"), count(r.Events, "event", "events"), count(r.Entries, "entry", "entries"),
		count(r.Devices, "device", "devices"), count(r.Moved, "entry", "entries"))
	return nil
}
