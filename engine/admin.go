package engine

import (
	"context"
	"fmt"
	"io"
	"log/slog"

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
			at = "applied " + m.At.UTC().Format("2006-01-02 15:04:05")
		}
		fmt.Fprintf(out, "%-32s %s\n", m.Name, at)
	}
	return d.CheckSchema(ctx)
}

// ImportRoster reads a CSV file of event_id, entry_id, device_id and upserts
// it in one transaction. Nothing is written if one row is bad or dryRun is
// set. The embedded database is migrated first.
func ImportRoster(ctx context.Context, c DatabaseConfig, file io.Reader, dryRun bool, log *slog.Logger, out io.Writer) error {
	rows, err := db.ParseRosterCSV(file)
	if err != nil {
		return fmt.Errorf("read the roster: %w", err)
	}
	d, err := db.Open(ctx, c.dbOptions(log))
	if err != nil {
		return err
	}
	defer d.Close()
	if c.DatabaseURL == "" {
		if _, err := d.Migrate(ctx); err != nil {
			return fmt.Errorf("migrate the database: %w", err)
		}
	} else if err := d.CheckSchema(ctx); err != nil {
		return err
	}
	r, err := d.ImportRoster(ctx, rows, dryRun)
	if err != nil {
		return fmt.Errorf("import the roster: %w", err)
	}
	did := "imported"
	if dryRun {
		did = "nothing written; this would be imported"
	}
	fmt.Fprintf(out, "%s: %d rows; %d events, %d entries and %d devices are new, %d entries change their event\n",
		did, r.Rows, r.Events, r.Entries, r.Devices, r.Moved)
	return nil
}
