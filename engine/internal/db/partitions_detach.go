package db

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

func (p *postgres) DetachPartitions(ctx context.Context, before time.Time) (detached []string, err error) {
	err = p.withDirect(ctx, func(conn *pgx.Conn) error {
		detached, err = detachPartitions(ctx, conn, before)
		return err
	})
	if err != nil {
		return detached, fmt.Errorf("detach months: %w", err)
	}
	return detached, nil
}

// detachPartitions does it on a session of its own: the server detaches
// concurrently in several transactions, none of which may be the caller's.
func detachPartitions(ctx context.Context, conn *pgx.Conn, before time.Time) (detached []string, err error) {
	if err := settle(ctx, conn); err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, readably(""), pgx.QueryExecModeSimpleProtocol); err != nil {
		return nil, err
	}
	if err := wantPartitions(ctx, conn); err != nil {
		return nil, err
	}
	var alone bool // until the connection ends
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, $2)", partitionLock, lockDetach).Scan(&alone); err != nil || !alone {
		return nil, err
	}
	have, err := partitions(ctx, conn)
	if err != nil {
		return nil, err
	}
	// The server has one detaching under way at a time: what was interrupted
	// comes first.
	for _, pending := range []bool{true, false} {
		for _, h := range have {
			if h.pending != pending || !pending && h.to.After(before) {
				continue
			}
			how := "CONCURRENTLY"
			if pending {
				how = "FINALIZE"
			}
			if _, err := conn.Exec(ctx, "ALTER TABLE positions DETACH PARTITION "+h.name+" "+how); err != nil {
				return detached, fmt.Errorf("%s: %w%s", h.name, err, busyHint(err))
			}
			detached = append(detached, h.name)
		}
	}
	return detached, nil
}

// busyHint says what a detaching waits for.
func busyHint(err error) string {
	const lockNotAvailable = "55P03"
	if sqlState(err) == lockNotAvailable {
		return " (a transaction that is older is still open, see pg_stat_activity; it is finished at the next look)"
	}
	return ""
}
