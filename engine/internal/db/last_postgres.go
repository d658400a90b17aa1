package db

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"pitwall/codec"
)

// lastPositions goes down the unique index from the newest row of each device
// that is asked for, to the first good one; and over the faulty ones behind
// that, of which there are few or none.
const lastPositions = `
	SELECT d.device_id, ` + storedColumns + `,
	       floor(extract(epoch FROM ts) * 1000)::bigint, floor(extract(epoch FROM coalesce(received_at, ts)) * 1000)::bigint,
	       floor(extract(epoch FROM f.live) * 1000)::bigint
	FROM unnest($1::text[]) AS d(device_id)
	LEFT JOIN LATERAL (
	    SELECT p.lat, p.lon, p.alt, p.speed, p.course, p.sats, p.priority, p.codec,
	           CASE WHEN json_typeof(p.attributes) = 'object' THEN p.attributes::text END AS attributes, p.ts, p.received_at
	    FROM positions p
	    WHERE p.device_id = d.device_id AND p.faulty IS NOT TRUE AND p.lat IS NOT NULL AND p.lon IS NOT NULL
	      AND p.ts <= coalesce(p.received_at, now()) + $2::bigint * interval '1 ms'
	    ORDER BY p.ts DESC LIMIT 1
	) l ON true
	LEFT JOIN LATERAL (
	    SELECT max(CASE WHEN p.ts > p.received_at + $2::bigint * interval '1 ms' THEN p.received_at ELSE p.ts END) AS live
	    FROM positions p
	    WHERE p.device_id = d.device_id AND p.faulty AND p.ts > coalesce(l.ts, '-infinity')
	) f ON true
	WHERE l.ts IS NOT NULL OR f.live IS NOT NULL`

// alongTheIndex leaves the planner one way, for the transaction. On a table
// that was never analysed it would rather fetch and sort all rows of each
// device, or compile the statement.
const alongTheIndex = `SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off`

func (p *postgres) LastPositions(ctx context.Context, devices []string, tolerance time.Duration, fn func(*Last) error) error {
	tx, err := p.pool.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("last positions: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if _, err := tx.Exec(ctx, alongTheIndex, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("last positions: %w", err)
	}
	rows, err := tx.Query(ctx, lastPositions, devices, tolerance.Milliseconds())
	if err != nil {
		return fmt.Errorf("last positions: %w", err)
	}
	defer rows.Close()
	var l Last
	var good codec.Position
	for rows.Next() {
		var r stored
		if err := rows.Scan(r.dest()...); err != nil {
			return fmt.Errorf("last positions: %w", err)
		}
		r.last(&l, &good)
		if err := fn(&l); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("last positions: %w", err)
	}
	return nil
}
