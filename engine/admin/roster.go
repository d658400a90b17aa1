package admin

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"text/tabwriter"

	"pitwall/engine/config"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/plain"
)

// ImportRoster reads a CSV file with the columns event_id, entry_id and device_id and
// upserts its rows in one transaction. If a row is wrong, or with dryRun, it writes
// nothing.
func ImportRoster(ctx context.Context, c config.Database, file io.Reader, dryRun bool, log *slog.Logger, out io.Writer) error {
	rows, ignored, err := db.ParseRosterCSV(file)
	if err != nil {
		return fmt.Errorf("read the roster: %w", err)
	}
	for _, name := range ignored {
		fmt.Fprintf(out, "the column %s is not used: a roster has event_id, entry_id and device_id\n", strconv.Quote(name))
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

// ListRoster prints the entries and devices of an event, or of all if event is "".
func ListRoster(ctx context.Context, c config.Database, event string, log *slog.Logger, out io.Writer) error {
	rows, err := rosterRows(ctx, c, event, log)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "EVENT\tENTRY\tDEVICE")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\n", plain.Text(r.EventID), plain.Text(orDash(r.EntryID)), plain.Text(orDash(r.DeviceID)))
	}
	return w.Flush()
}

func orDash(id string) string {
	if id == "" {
		return "-"
	}
	return id
}

// ExportRoster writes the roster of an event, or of all if event is "", as a CSV file
// that ImportRoster reads. Events without entries and entries without devices are not in
// it; notes tells how many those are.
func ExportRoster(ctx context.Context, c config.Database, event string, log *slog.Logger, file, notes io.Writer) error {
	rows, err := rosterRows(ctx, c, event, log)
	if err != nil {
		return err
	}
	w := csv.NewWriter(file)
	_ = w.Write([]string{"event_id", "entry_id", "device_id"}) // Error returns the first error
	leftOut := 0
	for _, r := range rows {
		if r.DeviceID == "" {
			leftOut++
			continue
		}
		_ = w.Write([]string{r.EventID, r.EntryID, r.DeviceID})
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("write the roster: %w", err)
	}
	if leftOut > 0 {
		fmt.Fprintf(notes, "%s without devices left out\n", plain.Count(leftOut, "event or entry", "events and entries"))
	}
	return nil
}

// rosterRows reads the roster. An event that does not exist is an error.
func rosterRows(ctx context.Context, c config.Database, event string, log *slog.Logger) ([]db.RosterRow, error) {
	d, err := openReady(ctx, c, log)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	rows, err := d.RosterRows(ctx, event)
	if err == nil && event != "" && len(rows) == 0 {
		return nil, fmt.Errorf("there is no event %q in the table events", event)
	}
	return rows, err
}

// RemoveFromRoster removes an event, an entry or a device, whichever is given and not
// "": a device from the entries, an entry with its devices, or an event with everything
// in it. Positions, links and the publication of the event stay.
func RemoveFromRoster(ctx context.Context, c config.Database, event, entry, device string, dryRun bool, log *slog.Logger, out io.Writer) error {
	d, err := openReady(ctx, c, log)
	if err != nil {
		return err
	}
	defer d.Close()
	r, err := d.RemoveFromRoster(ctx, db.RosterFilter{Event: event, Entry: entry, Device: device}, dryRun)
	switch {
	case err != nil:
		return err
	case r == db.RemoveResult{}:
		return errors.New("nothing in the roster matches: `pitwall roster list` shows it")
	}
	did := "removed"
	if dryRun {
		did = "nothing was written; a removal would remove"
	}
	fmt.Fprintf(out, "%s: %s, %s, %s\n", did, plain.Count(r.Events, "event", "events"), plain.Count(r.Entries, "entry", "entries"), plain.Count(r.Devices, "device of an entry", "devices of entries"))
	return nil
}
