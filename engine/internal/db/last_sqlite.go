package db

import (
	"context"
	"database/sql"
	"fmt"
)

// The statements of last_postgres.go, each for one device ?1 between the times ?2 and
// ?3.
const (
	betweenSQLite = ` FROM positions p WHERE p.device_id = ?1 AND p.ts > ?2 AND p.ts < ?3`
	wholeSQLite   = `SELECT p.ts, p.received_at, p.attributes, ` + storedColumns + betweenSQLite
)

var (
	goodInTimeSQLite = goodRow + fmt.Sprintf(`(p.ts > p.received_at + %d) IS NOT TRUE`, maxAhead)

	newestRowSQLite = wholeSQLite + downFrom + `1`
	shownRowSQLite  = wholeSQLite + ` AND ` + goodInTimeSQLite + downFrom + `1`
	goodRowsSQLite  = `SELECT p.ts, p.received_at` + betweenSQLite + ` AND ` + goodInTimeSQLite + downFrom + `?4`

	faultyRowsSQLite = `SELECT p.ts, p.received_at
	FROM (SELECT p.ts, p.received_at, p.faulty` + betweenSQLite + downFrom + fmt.Sprint(faultyWindow) + `) p
	WHERE p.faulty` + downFrom + fmt.Sprint(pageRows)

	clockHistorySQLite = `SELECT since_arrival, offset_ms FROM pitwall_clocks WHERE device_id = ?1
	ORDER BY since_arrival DESC LIMIT ` + fmt.Sprint(clockRows)
	extrasOfRowSQLite = `SELECT attributes FROM pitwall_extras WHERE device_id = ?1 AND ts = ?2
	ORDER BY content_hash LIMIT ` + fmt.Sprint(maxExtras)
)

// LastPositions reads in one transaction, so that all statements see one snapshot.
func (s *sqlite) LastPositions(ctx context.Context, devices []string, rule LiveRule, fn func(*Last) error) error {
	tx, err := s.read.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("last positions: %w", err)
	}
	defer tx.Rollback()
	return eachLast(ctx, sqliteProbes{tx}, devices, rule, fn)
}

// sqliteProbes runs the statements in one transaction.
type sqliteProbes struct{ tx *sql.Tx }

var searchesSQLite = [...]string{searchClocks: clockHistorySQLite, searchNewest: newestRowSQLite, searchShown: shownRowSQLite,
	searchGood: goodRowsSQLite, searchFaulty: faultyRowsSQLite, searchExtras: extrasOfRowSQLite}

// each runs the statement once for each probe.
func (q sqliteProbes) each(ctx context.Context, s search, probes []probe, limit int, dest []any, found func(at int)) error {
	statement, err := q.tx.PrepareContext(ctx, searchesSQLite[s])
	if err != nil {
		return err
	}
	defer statement.Close()
	for at, p := range probes {
		args := []any{p.device, p.low, p.high, limit}
		if err := eachRow(ctx, statement, args[:searchParams[s]], dest, func() { found(at) }); err != nil {
			return err
		}
	}
	return nil
}

func eachRow(ctx context.Context, statement *sql.Stmt, args, dest []any, found func()) error {
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		found()
	}
	return rows.Err()
}
