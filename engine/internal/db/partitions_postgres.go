package db

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// querier is a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Kinds of the table positions.
const (
	asTable      = "table"
	asPartitions = "partitions"            // by range of ts
	asOther      = "partitions, otherwise" // by another key, or several
	asHypertable = "hypertable"            // of TimescaleDB, which manages its own chunks
)

// layout returns the kind of the table positions.
func layout(ctx context.Context, q querier) (string, error) {
	var timescale bool
	var as string
	err := q.QueryRow(ctx, `
		SELECT to_regclass('timescaledb_information.hypertables') IS NOT NULL,
		       CASE WHEN p.partrelid IS NULL THEN $1
		            WHEN p.partstrat = 'r' AND p.partnatts = 1 AND a.attname = 'ts' THEN $2
		            ELSE $3 END
		FROM pg_class c
		LEFT JOIN pg_partitioned_table p ON p.partrelid = c.oid
		LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
		WHERE c.oid = to_regclass('positions')`, asTable, asPartitions, asOther).Scan(&timescale, &as)
	if err != nil || !timescale {
		return as, err
	}
	var hyper bool
	err = q.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM timescaledb_information.hypertables h
		    JOIN pg_namespace n ON n.nspname = h.hypertable_schema
		    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = h.hypertable_name
		    WHERE c.oid = to_regclass('positions'))`).Scan(&hyper)
	if hyper {
		as = asHypertable
	}
	return as, err
}

// requirePartitions fails unless positions is partitioned by ts.
func requirePartitions(ctx context.Context, q querier) error {
	as, err := layout(ctx, q)
	switch {
	case err != nil:
		return fmt.Errorf("read how positions is partitioned: %w", err)
	case as == asHypertable:
		return fmt.Errorf("%w: it is a TimescaleDB hypertable, which has its own chunks and retention policies", ErrNotPartitioned)
	case as == asOther:
		return fmt.Errorf("%w: it is partitioned by another key than ts", ErrNotPartitioned)
	case as == asTable:
		return fmt.Errorf("%w (run `pitwall partition enable` while it is empty)", ErrNotPartitioned)
	}
	return nil
}

func (p *postgres) Now(ctx context.Context) (now time.Time, err error) {
	if err := p.inserts.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return time.Time{}, fmt.Errorf("read the server's clock: %w", err)
	}
	return now, nil
}

// concurrently is the first version that can detach without a long lock.
const concurrently = 140000

func (p *postgres) CheckRetention(ctx context.Context) error {
	return p.inTx(ctx, func(tx pgx.Tx) error { return checkRetentionIn(ctx, tx) })
}

func checkRetentionIn(ctx context.Context, q querier) error {
	if err := requirePartitions(ctx, q); err != nil {
		return err
	}
	var version int
	var fallback *string
	err := q.QueryRow(ctx, `
		SELECT current_setting('server_version_num')::int, nullif(partdefid, 0)::regclass::text
		FROM pg_partitioned_table WHERE partrelid = to_regclass('positions')`).Scan(&version, &fallback)
	switch {
	case err != nil:
		return fmt.Errorf("read how positions is partitioned: %w", err)
	case version < concurrently:
		return fmt.Errorf("the server is PostgreSQL %d, and detaching months without a long lock needs 14 or later", version/10000)
	case fallback != nil:
		return fmt.Errorf("positions has the default partition %s, with which months cannot be detached without a long lock: "+
			"detach it (ALTER TABLE positions DETACH PARTITION %[1]s)", *fallback)
	}
	return nil
}

// partition is a partition of positions in the catalogue.
type partition struct {
	span
	name    string // quoted for SQL
	pending bool   // its detach was interrupted
}

// catalogueSettings are the settings that listPartitions needs to read the bounds from the
// catalogue as text, for the session or, with "LOCAL ", the transaction. The lock
// timeout is short, because others queue after a session that waits for a lock.
func catalogueSettings(local string) string {
	return fmt.Sprintf("SET %[1]sdatestyle = 'ISO, YMD'; SET %[1]stimezone = 'UTC'; SET %[1]slock_timeout = '5s'", local)
}

// listPartitions reads the partitions of positions in the order of their times. The session
// must have catalogueSettings. An infinite bound becomes one in the year 1 or 9999.
func listPartitions(ctx context.Context, q querier) ([]partition, error) {
	rows, err := q.Query(ctx, `
		SELECT c.oid::regclass::text, coalesce((to_jsonb(i) ->> 'inhdetachpending')::boolean, false),
		       greatest(CASE b.bound[1] WHEN 'MINVALUE' THEN '-infinity' ELSE trim('''' FROM b.bound[1])::timestamptz END,
		                '0001-01-01T00:00:00Z'),
		       least(CASE b.bound[2] WHEN 'MAXVALUE' THEN 'infinity' ELSE trim('''' FROM b.bound[2])::timestamptz END,
		             '9999-12-31T00:00:00Z')
		FROM pg_inherits i
		JOIN pg_class c ON c.oid = i.inhrelid
		CROSS JOIN regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM \((.+)\) TO \((.+)\)$') AS b(bound)
		WHERE i.inhparent = to_regclass('positions') AND b.bound IS NOT NULL
		ORDER BY 3`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p partition, err error) {
		err = row.Scan(&p.name, &p.pending, &p.from, &p.to)
		return p, err
	})
}

// Keys of the advisory locks: partitionLock is unlikely to be used by others, and the
// second number says what is locked. Enabling partitions and making months share one.
const (
	partitionLock = 0x70697477 // "pitw"
	lockMake      = 1
	lockDetach    = 2
)

// tableName is the name of the partition of a month.
func tableName(month time.Time) string { return "positions_" + month.UTC().Format("2006_01") }
