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

// errUnreplicated says that a commit is on the primary, and nobody knows
// whether on a standby. The batch is offered again, and waits then.
var errUnreplicated = errors.New("the wait for a synchronous standby was cancelled: the rows may be on the primary alone")

// noticed notes the warning that a commit did not wait for its standbys. The
// name of the server's function is in every language the same.
func noticed(c *pgconn.PgConn, n *pgconn.Notice) {
	if n.Routine == "SyncRepWaitForLSN" {
		c.CustomData()[lonely] = true
	}
}

// inserting runs fn in a transaction of the pool for inserts. When it returns
// nil, all rows of the batch have been committed as synchronous_commit wants
// it, those that were there before included.
func (p *postgres) inserting(ctx context.Context, fn func(session) (InsertResult, error)) (result InsertResult, err error) {
	err = p.inserts.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		noted := c.Conn().PgConn().CustomData()
		delete(noted, lonely)
		err := pgx.BeginTxFunc(ctx, c, pgx.TxOptions{BeginQuery: beginInsert(p.lockTimeout)}, func(tx pgx.Tx) (err error) {
			if result, err = fn(tx); err != nil {
				return err
			}
			if result.Inserted == 0 && result.Extras == 0 {
				return p.awaitStandbys(ctx, tx)
			}
			return nil
		})
		if err == nil && noted[lonely] != nil {
			return errUnreplicated
		}
		return err
	})
	return result, err
}

// awaitStandbys makes the commit of a transaction that has written nothing
// wait for the synchronous standbys. The rows that it found may come from a
// transaction whose wait was cancelled, and a standby that has this commit has
// theirs.
func (p *postgres) awaitStandbys(ctx context.Context, tx pgx.Tx) error {
	var wanted, allowed bool
	err := tx.QueryRow(ctx, `SELECT current_setting('synchronous_standby_names') <> '' AND current_setting('synchronous_commit') NOT IN ('off', 'local'),
		has_function_privilege('pg_catalog.pg_logical_emit_message(boolean, text, text)', 'EXECUTE')`).Scan(&wanted, &allowed)
	if err != nil {
		return fmt.Errorf("look for synchronous standbys: %w", err)
	}
	if !wanted {
		return nil
	}
	if !allowed {
		if n, ok := p.unawaited.Allow(time.Now()); ok {
			p.log.Warn("rows that were there already are acknowledged without a wait for the synchronous standbys: "+
				"GRANT EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text) to the role", "times", n)
		}
		return nil
	}
	if _, err := tx.Exec(ctx, "SELECT pg_catalog.pg_logical_emit_message(true, 'pitwall', '')"); err != nil {
		return fmt.Errorf("wait for the synchronous standbys: %w", err)
	}
	return nil
}
