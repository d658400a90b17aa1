package db

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"

	"pitwall/shard"
)

// rosterQuery is a single statement, so that it sees one snapshot of the tables. The
// casts allow ids of different types, which a platform's tables may have.
const rosterQuery = `
	SELECT CAST(id AS text), NULL FROM events
	UNION ALL
	SELECT CAST(e.event_id AS text), CAST(ed.device_id AS text)
	FROM entry_devices ed JOIN entries e ON CAST(e.id AS text) = CAST(ed.entry_id AS text)
	WHERE e.event_id IS NOT NULL AND ed.device_id IS NOT NULL`

// rosterQuerySQLite is the same for the embedded database, whose ids are always text.
// It must not cast: with a cast the join could not use the primary key and would
// compare every pair of rows.
const rosterQuerySQLite = `
	SELECT id, NULL FROM events
	UNION ALL
	SELECT e.event_id, ed.device_id FROM entry_devices ed JOIN entries e ON e.id = ed.entry_id`

// rowSource is a result of pgx or database/sql.
type rowSource interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
}

// readRoster reads the rows of rosterQuery. The id of an event that is NULL becomes "",
// for the caller to count.
func readRoster(rows rowSource) (shard.Roster, error) {
	var r shard.Roster
	for rows.Next() {
		var event, device sql.NullString
		if err := rows.Scan(&event, &device); err != nil {
			return shard.Roster{}, err
		}
		if device.Valid {
			r.Pairs = append(r.Pairs, shard.Pair{Device: device.String, Event: event.String})
		} else {
			r.Events = append(r.Events, event.String)
		}
	}
	return r, rows.Err()
}

func (p *postgres) LoadRoster(ctx context.Context) (shard.Roster, error) {
	var r shard.Roster
	err := p.do(ctx, "load roster", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, rosterQuery)
		if err != nil {
			return err
		}
		defer rows.Close()
		r, err = readRoster(rows)
		return err
	})
	return r, err
}

func (s *sqlite) LoadRoster(ctx context.Context) (shard.Roster, error) {
	rows, err := s.read.QueryContext(ctx, rosterQuerySQLite)
	if err != nil {
		return shard.Roster{}, fmt.Errorf("load roster: %w", err)
	}
	defer rows.Close()
	r, err := readRoster(rows)
	if err != nil {
		return shard.Roster{}, fmt.Errorf("load roster: %w", err)
	}
	return r, nil
}
