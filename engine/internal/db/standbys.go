package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// errUnreplicated says that a commit is on the primary but perhaps on no standby. The
// batch is inserted again, and that commit waits for the standby.
var errUnreplicated = errors.New("the wait for a synchronous standby was cancelled: the rows may be on the primary alone")

// onNotice records the warning that a commit did not wait for its standbys. It
// compares the name of the server's function, because the text is translated.
func onNotice(c *pgconn.PgConn, n *pgconn.Notice) {
	if n.Routine == "SyncRepWaitForLSN" {
		c.CustomData()[unreplicated] = true
	}
}

// inInsertTx runs fn in a transaction of the pool for inserts. When it returns nil,
// all rows of the batch are committed as synchronous_commit requires, including rows
// that were there before.
func (p *postgres) inInsertTx(ctx context.Context, fn func(session) (InsertResult, error)) (result InsertResult, err error) {
	err = p.inserts.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		noted := c.Conn().PgConn().CustomData()
		delete(noted, unreplicated)
		err := pgx.BeginTxFunc(ctx, c, pgx.TxOptions{BeginQuery: beginInsert(p.lockTimeout)}, func(tx pgx.Tx) (err error) {
			if result, err = fn(tx); err != nil {
				return err
			}
			if result.Inserted == 0 && result.Extras == 0 {
				return p.awaitStandbys(ctx, tx)
			}
			return nil
		})
		if err == nil && noted[unreplicated] != nil {
			return errUnreplicated
		}
		return err
	})
	return result, err
}

// awaitStandbys makes the commit of a transaction that wrote nothing wait for the
// synchronous standbys: the rows that it found may come from a transaction whose wait
// was cancelled. It writes a message, which comes after those rows in the write-ahead
// log, so a standby that has the message has the rows.
func (p *postgres) awaitStandbys(ctx context.Context, tx pgx.Tx) error {
	var wanted, allowed bool
	err := tx.QueryRow(ctx, `SELECT current_setting('synchronous_standby_names') <> '' AND current_setting('synchronous_commit') NOT IN ('off', 'local'),
		has_function_privilege('pg_catalog.pg_logical_emit_message(boolean, text, text)', 'EXECUTE')`).Scan(&wanted, &allowed)
	if err != nil {
		return fmt.Errorf("check for synchronous standbys: %w", err)
	}
	if !wanted {
		return nil
	}
	if !allowed {
		if n, ok := p.unawaitedLog.Allow(time.Now()); ok {
			p.log.Warn("existing rows are acknowledged without a wait for the synchronous standbys: "+
				"GRANT EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text) to the role", "times", n)
		}
		return nil
	}
	if _, err := tx.Exec(ctx, "SELECT pg_catalog.pg_logical_emit_message(true, 'pitwall', '')"); err != nil {
		return fmt.Errorf("wait for the synchronous standbys: %w", err)
	}
	return nil
}
