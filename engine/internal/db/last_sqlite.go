package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"pitwall/codec"
)

// lastPositionsSQLite is lastPositions for one device. It has no row for a
// device of which nothing is known.
const lastPositionsSQLite = `
	WITH l AS (
	    SELECT p.* FROM positions p
	    WHERE p.device_id = ?1 AND NOT p.faulty AND p.ts <= coalesce(p.received_at, p.ts) + ?2
	    ORDER BY p.ts DESC LIMIT 1
	), f AS (
	    SELECT max(CASE WHEN p.ts > p.received_at + ?2 THEN p.received_at ELSE p.ts END) AS live FROM positions p
	    WHERE p.device_id = ?1 AND p.faulty AND p.ts > coalesce((SELECT ts FROM l), -9223372036854775808)
	)
	SELECT ?1, ` + storedColumns + `, ts, coalesce(received_at, ts), f.live
	FROM f LEFT JOIN l ON true
	WHERE l.ts IS NOT NULL OR f.live IS NOT NULL`

func (s *sqlite) LastPositions(ctx context.Context, devices []string, tolerance time.Duration, fn func(*Last) error) error {
	statement, err := s.read.PrepareContext(ctx, lastPositionsSQLite)
	if err != nil {
		return fmt.Errorf("last positions: %w", err)
	}
	defer statement.Close()
	var l Last
	var good codec.Position
	for _, device := range devices {
		var r stored
		err := statement.QueryRowContext(ctx, device, tolerance.Milliseconds()).Scan(r.dest()...)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return fmt.Errorf("last positions: %w", err)
		}
		r.last(&l, &good)
		if err := fn(&l); err != nil {
			return err
		}
	}
	return nil
}
