package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ImportResult counts what an import changed, or would change.
type ImportResult struct {
	Rows    int // rows given
	Events  int // events added
	Entries int // entries added
	Moved   int // entries that were in another event
	Devices int // devices added to entries
}

// changed reports whether the import changed anything.
func (r ImportResult) changed() bool { return r.Events+r.Entries+r.Moved+r.Devices > 0 }

// checkRows checks rows that may not come from ParseRosterCSV by the same rules.
func checkRows(rows []RosterRow, bad *badRows) {
	for i := range rows {
		for k, name := range rosterColumns {
			if reason := invalidID(*rows[i].field(k), k == 2); reason != "" {
				bad.add(rows[i].Line, name, "%s", reason)
			}
		}
	}
}

// errDryRun rolls back a successful transaction.
var errDryRun = errors.New("dry run")

func (s *sqlite) ImportRoster(ctx context.Context, rows []RosterRow, dryRun bool) (ImportResult, error) {
	var bad badRows
	checkRows(rows, &bad)
	checkEntries(rows, &bad)
	if err := bad.err(); err != nil {
		return ImportResult{}, fmt.Errorf("import roster: %w", err)
	}
	result := ImportResult{Rows: len(rows)}
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		for i := range rows {
			if err := importRow(ctx, tx, &rows[i], &result); err != nil {
				return fmt.Errorf("line %d: %w", rows[i].Line, err)
			}
		}
		if dryRun {
			return errDryRun
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return ImportResult{}, fmt.Errorf("import roster: %w", err)
	}
	if err == nil && result.changed() {
		s.hub.notify(ChannelRoster)
	}
	return result, nil
}

// importRow adds what is missing of one row.
func importRow(ctx context.Context, tx *sql.Tx, r *RosterRow, result *ImportResult) error {
	steps := []struct {
		count *int
		query string
		args  []any
	}{
		{&result.Events, "INSERT INTO events (id) VALUES (?) ON CONFLICT DO NOTHING", []any{r.EventID}},
		{&result.Entries, "INSERT INTO entries (id, event_id) VALUES (?, ?) ON CONFLICT DO NOTHING", []any{r.EntryID, r.EventID}},
		{&result.Moved, "UPDATE entries SET event_id = ?2 WHERE id = ?1 AND event_id <> ?2", []any{r.EntryID, r.EventID}},
		{&result.Devices, "INSERT INTO entry_devices (entry_id, device_id) VALUES (?, ?) ON CONFLICT DO NOTHING", []any{r.EntryID, r.DeviceID}},
	}
	for _, step := range steps {
		n, err := affected(tx.ExecContext(ctx, step.query, step.args...))
		if err != nil {
			return err
		}
		*step.count += n
	}
	return nil
}
