package db

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"pitwall/shard"
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

// each runs a statement for each of n lists of arguments.
func (q sqliteProbes) each(ctx context.Context, dest []any, found func(i int), query string, n int, args func(i int) []any) error {
	statement, err := q.tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer statement.Close()
	for i := range n {
		if err := eachRow(ctx, statement, args(i), dest, func() { found(i) }); err != nil {
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

func (q sqliteProbes) clockPeriods(ctx context.Context, devices []string, fn func(i int, c shard.Clock)) error {
	var c shard.Clock
	return q.each(ctx, []any{&c.Since, &c.Offset}, func(i int) {
		c.Device = devices[i]
		fn(i, c)
	}, clockHistorySQLite, len(devices), func(i int) []any { return []any{devices[i]} })
}

func (q sqliteProbes) newest(ctx context.Context, devices []string, fn func(i int, r *stored)) error {
	return q.rows(ctx, newestRowSQLite, len(devices), func(i int) []any {
		return []any{devices[i], int64(math.MinInt64), int64(math.MaxInt64)}
	}, fn)
}

func (q sqliteProbes) row(ctx context.Context, probes []probe, fn func(i int, r *stored)) error {
	return q.rows(ctx, shownRowSQLite, len(probes), probeArgs(probes), fn)
}

func (q sqliteProbes) rows(ctx context.Context, query string, n int, args func(i int) []any, fn func(i int, r *stored)) error {
	var r stored
	return q.each(ctx, r.dest(), func(i int) {
		row := r // the driver allocates the values for each row
		fn(i, &row)
	}, query, n, args)
}

func (q sqliteProbes) good(ctx context.Context, probes []probe, rows int, fn func(i int, m rowTime)) error {
	return q.rowTimes(ctx, goodRowsSQLite, len(probes), func(i int) []any { return append(probeArgs(probes)(i), rows) }, fn)
}

func (q sqliteProbes) faulty(ctx context.Context, probes []probe, fn func(i int, m rowTime)) error {
	return q.rowTimes(ctx, faultyRowsSQLite, len(probes), probeArgs(probes), fn)
}

func (q sqliteProbes) rowTimes(ctx context.Context, query string, n int, args func(i int) []any, fn func(i int, m rowTime)) error {
	var m rowTime
	return q.each(ctx, []any{&m.ts, &m.received}, func(i int) { fn(i, m) }, query, n, args)
}

func (q sqliteProbes) extras(ctx context.Context, probes []probe, fn func(i int, attributes string)) error {
	var attributes string
	return q.each(ctx, []any{&attributes}, func(i int) { fn(i, attributes) }, extrasOfRowSQLite, len(probes),
		func(i int) []any { return []any{probes[i].device, probes[i].low} })
}

// probeArgs returns the arguments of each probe.
func probeArgs(probes []probe) func(i int) []any {
	return func(i int) []any { return []any{probes[i].device, probes[i].low, probes[i].high} }
}
