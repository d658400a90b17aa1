package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// RosterFilter selects a part of the roster. A field that is not "" has to match; at
// least one must be given. With a device only its rows are removed; with an entry and no
// device, the entry and its devices; with an event alone, also the event.
type RosterFilter struct{ Event, Entry, Device string }

// RemoveResult counts what a removal removed, or would remove.
type RemoveResult struct{ Events, Entries, Devices int }

// The queries of this file cast ids, which may be of any type. The embedded database,
// whose ids are text, runs them without the casts.
const (
	rosterRowsQuery = `
	SELECT CAST(ev.id AS text), CAST(e.id AS text), CAST(d.device_id AS text)
	FROM events ev
	LEFT JOIN entries e ON CAST(e.event_id AS text) = CAST(ev.id AS text)
	LEFT JOIN entry_devices d ON CAST(d.entry_id AS text) = CAST(e.id AS text)
	WHERE $1 = '' OR CAST(ev.id AS text) = $1
	ORDER BY 1, 2, 3`

	chosenEntries = `($1 = '' OR CAST(event_id AS text) = $1) AND ($2 = '' OR CAST(id AS text) = $2)`
	removeDevices = `DELETE FROM entry_devices WHERE ($3 = '' OR CAST(device_id AS text) = $3)
	AND CAST(entry_id AS text) IN (SELECT CAST(id AS text) FROM entries WHERE ` + chosenEntries + `)`
	removeEntries = `DELETE FROM entries WHERE $3 = '' AND ` + chosenEntries
	removeEvents  = `DELETE FROM events WHERE $2 = '' AND $3 = '' AND CAST(id AS text) = $1`
)

// removal are the statements of a removal, in the order that foreign keys allow.
var removal = []string{removeDevices, removeEntries, removeEvents}

// onSQLite returns a query of this file for the embedded database.
func onSQLite(query string) string {
	for _, column := range []string{"ev.id", "e.id", "d.device_id", "e.event_id", "d.entry_id", "event_id", "id", "device_id", "entry_id"} {
		query = strings.ReplaceAll(query, "CAST("+column+" AS text)", column)
	}
	return strings.NewReplacer("$1", "?1", "$2", "?2", "$3", "?3").Replace(query)
}

// onPostgres returns a query of this file with the types of its parameters.
func onPostgres(query string) string {
	return strings.NewReplacer("$1", "$1::text", "$2", "$2::text", "$3", "$3::text").Replace(query)
}

func readRosterRows(rows rowSource) (list []RosterRow, err error) {
	for rows.Next() {
		var event, entry, device sql.NullString
		if err := rows.Scan(&event, &entry, &device); err != nil {
			return nil, err
		}
		list = append(list, RosterRow{len(list) + 1, event.String, entry.String, device.String})
	}
	return list, rows.Err()
}

// RosterRows implements Database.
func (p *postgres) RosterRows(ctx context.Context, event string) (list []RosterRow, err error) {
	err = p.do(ctx, "read the roster", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, onPostgres(rosterRowsQuery), event)
		if err != nil {
			return err
		}
		defer rows.Close()
		list, err = readRosterRows(rows)
		return err
	})
	return list, err
}

// RosterRows implements Database.
func (s *sqlite) RosterRows(ctx context.Context, event string) ([]RosterRow, error) {
	rows, err := s.read.QueryContext(ctx, onSQLite(rosterRowsQuery), event)
	if err != nil {
		return nil, fmt.Errorf("read the roster: %w", err)
	}
	defer rows.Close()
	list, err := readRosterRows(rows)
	if err != nil {
		return nil, fmt.Errorf("read the roster: %w", err)
	}
	return list, nil
}

// RemoveFromRoster implements Database.
func (p *postgres) RemoveFromRoster(ctx context.Context, f RosterFilter, dryRun bool) (r RemoveResult, err error) {
	if err := f.check(); err != nil {
		return r, err
	}
	err = p.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, importLock); err != nil {
			return err
		}
		r, err = removeRows(func(query string) (int, error) {
			args := []any{f.Event, f.Entry, f.Device}
			tag, err := tx.Exec(ctx, onPostgres(query), args...)
			if sqlState(err) == "23503" {
				err = fmt.Errorf("%w (a table of the platform refers to it: remove it there)", err)
			}
			return int(tag.RowsAffected()), err
		})
		switch {
		case err != nil:
			return err
		case dryRun:
			return errDryRun
		}
		_, err = tx.Exec(ctx, "SELECT pg_notify($1, '')", ChannelRoster)
		return err
	})
	return removed(r, err)
}

// RemoveFromRoster implements Database.
func (s *sqlite) RemoveFromRoster(ctx context.Context, f RosterFilter, dryRun bool) (r RemoveResult, err error) {
	if err := f.check(); err != nil {
		return r, err
	}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		r, err = removeRows(func(query string) (int, error) {
			return affected(tx.ExecContext(ctx, onSQLite(query), f.Event, f.Entry, f.Device))
		})
		if err == nil && dryRun {
			return errDryRun
		}
		return err
	})
	if err == nil {
		s.hub.notify(ChannelRoster)
	}
	return removed(r, err)
}

// check refuses a filter that selects everything.
func (f RosterFilter) check() error {
	if f == (RosterFilter{}) {
		return errors.New("remove from the roster: an event, an entry or a device must be given")
	}
	return nil
}

// removeRows runs the statements of a removal.
func removeRows(remove func(query string) (int, error)) (r RemoveResult, err error) {
	for i, count := range []*int{&r.Devices, &r.Entries, &r.Events} {
		if *count, err = remove(removal[i]); err != nil {
			return r, err
		}
	}
	return r, nil
}

// removed is the result of a removal whose transaction ended with err.
func removed(r RemoveResult, err error) (RemoveResult, error) {
	if err != nil && !errors.Is(err, errDryRun) {
		return RemoveResult{}, fmt.Errorf("remove from the roster: %w", err)
	}
	return r, nil
}
