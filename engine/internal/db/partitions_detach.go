package db

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

func (p *postgres) DetachPartitions(ctx context.Context, before time.Time) (detached []string, err error) {
	err = p.withDirect(ctx, func(conn *pgx.Conn) error {
		detached, err = detachPartitionsOn(ctx, conn, before)
		return err
	})
	if err != nil {
		return detached, fmt.Errorf("detach months: %w", err)
	}
	return detached, nil
}

// detachPartitionsOn needs its own session: DETACH CONCURRENTLY uses several transactions
// and must not run inside one. The advisory lock is tried, not awaited, because
// whoever holds it does the same work.
func detachPartitionsOn(ctx context.Context, conn *pgx.Conn, before time.Time) (detached []string, err error) {
	if err := prepareSession(ctx, conn); err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, catalogueSettings(""), pgx.QueryExecModeSimpleProtocol); err != nil {
		return nil, err
	}
	if err := requirePartitions(ctx, conn); err != nil {
		return nil, err
	}
	var alone bool // held until the connection ends
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, $2)", partitionLock, lockDetach).Scan(&alone); err != nil || !alone {
		return nil, err
	}
	have, err := listPartitions(ctx, conn)
	if err != nil {
		return nil, err
	}
	// The server allows one pending detach at a time, so an interrupted one is
	// finished first.
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

// busyHint explains what a detach was waiting for.
func busyHint(err error) string {
	if sqlState(err) == lockUnavailable {
		return " (an older transaction is still open, see pg_stat_activity; the detach is finished at the next check)"
	}
	return ""
}
