package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"pitwall/shard"
)

// clockSlack is the greatest difference, in ms, at which two offsets of one clock count
// as equal. It covers the varying delay between a device and the stream.
const clockSlack = 5000

// saveClock adds a row unless the newest row at or before it has the same offset. No
// row means offset 0.
const saveClock = `INSERT INTO pitwall_clocks (device_id, since_arrival, offset_ms)
	SELECT g.device_id, g.since_arrival, g.offset_ms FROM (%s) AS g
	WHERE NOT EXISTS (
	    SELECT 1 FROM (
	        SELECT coalesce((SELECT p.offset_ms FROM pitwall_clocks p
	                         WHERE p.device_id = g.device_id AND p.since_arrival <= g.since_arrival
	                         ORDER BY p.since_arrival DESC LIMIT 1), 0) AS offset_ms
	    ) c
	    WHERE abs(c.offset_ms - g.offset_ms) <= %d AND (c.offset_ms = 0) = (g.offset_ms = 0))
	ON CONFLICT (device_id, since_arrival) DO NOTHING`

var (
	saveClockPostgres = fmt.Sprintf(saveClock, "SELECT $1::text AS device_id, $2::timestamptz AS since_arrival, $3::bigint AS offset_ms", clockSlack)
	saveClockSQLite   = fmt.Sprintf(saveClock, "SELECT ?1 AS device_id, ?2 AS since_arrival, ?3 AS offset_ms", clockSlack)
)

// clocksInForce reads the newest row of each device. LATERAL makes the server use the
// primary key once per device, instead of reading all rows.
const clocksInForce = `SELECT d.device_id, floor(extract(epoch FROM c.since_arrival) * 1000)::bigint, c.offset_ms
	FROM unnest($1::text[]) AS d(device_id)
	CROSS JOIN LATERAL (
	    SELECT since_arrival, offset_ms FROM pitwall_clocks WHERE device_id = d.device_id ORDER BY since_arrival DESC LIMIT 1
	) c
	WHERE c.offset_ms <> 0`

const clockInForceSQLite = `SELECT since_arrival, offset_ms FROM (
	    SELECT since_arrival, offset_ms FROM pitwall_clocks WHERE device_id = ?1 ORDER BY since_arrival DESC LIMIT 1
	) WHERE offset_ms <> 0`

// inClockOrder returns list sorted by device and arrival. Each insert then sees the
// rows before it, and processes lock the same keys in the same order.
func inClockOrder(list []shard.Clock) []shard.Clock {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b shard.Clock) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.Since, b.Since))
	})
	return list
}

func (p *postgres) Clocks(ctx context.Context, devices []string) ([]shard.Clock, error) {
	return collect(ctx, p, "read the clocks", func(row pgx.CollectableRow) (c shard.Clock, err error) {
		err = row.Scan(&c.Device, &c.Since, &c.Offset)
		return c, err
	}, clocksInForce, devices)
}

func (p *postgres) SaveClocks(ctx context.Context, list []shard.Clock) error {
	if len(list) == 0 {
		return nil
	}
	var b pgx.Batch
	for _, c := range inClockOrder(list) {
		b.Queue(saveClockPostgres, c.Device, time.UnixMilli(c.Since).UTC(), c.Offset)
	}
	err := pgx.BeginTxFunc(ctx, p.pool, pgx.TxOptions{BeginQuery: beginInsert(p.lockTimeout)}, func(tx pgx.Tx) error {
		return tx.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return fmt.Errorf("save the clocks: %w", err)
	}
	return nil
}

func (s *sqlite) Clocks(ctx context.Context, devices []string) ([]shard.Clock, error) {
	statement, err := s.read.PrepareContext(ctx, clockInForceSQLite)
	if err != nil {
		return nil, fmt.Errorf("read the clocks: %w", err)
	}
	defer statement.Close()
	var list []shard.Clock
	for _, device := range devices {
		c := shard.Clock{Device: device}
		err := statement.QueryRowContext(ctx, device).Scan(&c.Since, &c.Offset)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the clocks: %w", err)
		}
		list = append(list, c)
	}
	return list, nil
}

func (s *sqlite) SaveClocks(ctx context.Context, list []shard.Clock) error {
	if len(list) == 0 {
		return nil
	}
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		for _, c := range inClockOrder(list) {
			if _, err := tx.ExecContext(ctx, saveClockSQLite, c.Device, c.Since, c.Offset); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("save the clocks: %w", err)
	}
	return nil
}
