package admin

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"pitwall/engine/config"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/plain"
)

// ImportRoster reads a CSV file with the columns event_id, entry_id and device_id and
// upserts its rows in one transaction. If a row is wrong, or with dryRun, it writes
// nothing.
func ImportRoster(ctx context.Context, c config.Database, file io.Reader, dryRun bool, log *slog.Logger, out io.Writer) error {
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
		did = "nothing was written; an import would do this"
	}
	fmt.Fprintf(out, "%s: %s; new: %s, %s and %s; moved to another event: %s\n", did,
		plain.Count(r.Rows, "row", "rows"), plain.Count(r.Events, "event", "events"), plain.Count(r.Entries, "entry", "entries"),
		plain.Count(r.Devices, "device", "devices"), plain.Count(r.Moved, "entry", "entries"))
	return nil
}
