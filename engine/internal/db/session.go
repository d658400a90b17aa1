package db

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// startupSettings are set when a session opens, whatever the server, the database
// and the role say. PgBouncer tracks exactly these and sets them on the server
// session of each transaction; it refuses any other startup parameter.
var startupSettings = map[string]string{
	"client_encoding":             "UTF8",
	"DateStyle":                   "ISO, YMD",
	"TimeZone":                    "UTC",
	"standard_conforming_strings": "on",
}

// requiredSettings are the other settings that statements rely on. With a pooler a
// transaction may run on any session, so each transaction sets them itself.
// client_min_messages is needed for the warning that a commit did not wait for a
// standby.
var requiredSettings = []struct{ name, value string }{
	{"IntervalStyle", "postgres"},
	{"extra_float_digits", "1"},
	{"quote_all_identifiers", "off"},
	{"array_nulls", "on"},
	{"client_min_messages", "warning"},
	{"idle_in_transaction_session_timeout", "0"},
}

// noTimeouts switches off timeouts that a role may have, for reads and for commands
// of an operator: the caller's context bounds these. An insert keeps the role's
// statement_timeout, and waits at most lockTimeout for a lock.
var noTimeouts = []struct{ name, value string }{
	{"statement_timeout", "0"},
	{"lock_timeout", "0"},
}

// lockTimeout is how long an insert may wait for a lock on its table. It then fails,
// returns its session to the pool, and is tried again.
const lockTimeout = 5 * time.Second

// setStatements lists SET statements, each after a semicolon. scope is "" for the
// session, or "LOCAL " for the transaction.
func setStatements(scope string, lists ...[]struct{ name, value string }) string {
	var b strings.Builder
	for _, list := range lists {
		for _, s := range list {
			fmt.Fprintf(&b, "; SET %s%s = '%s'", scope, s.name, s.value)
		}
	}
	return b.String()
}

// The statements that begin transactions. Each string is one message to the server,
// so a pooler cannot separate the settings from BEGIN. READ COMMITTED is explicit
// because a role may default to a stricter level, under which an insert with ON
// CONFLICT can fail with a serialization error. The last positions are read with
// several statements, which must all see one snapshot: REPEATABLE READ.
var (
	begin     = "BEGIN ISOLATION LEVEL READ COMMITTED" + setStatements("LOCAL ", requiredSettings, noTimeouts)
	beginLast = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" + setStatements("LOCAL ", requiredSettings, noTimeouts) + "; " + alongTheIndex
)

// setLocal makes the settings of begin with one SELECT, for use in a batch.
var setLocal = func() string {
	var calls []string
	for _, s := range append(requiredSettings[:len(requiredSettings):len(requiredSettings)], noTimeouts...) {
		calls = append(calls, fmt.Sprintf("set_config('%s', '%s', true)", s.name, s.value))
	}
	return "SELECT " + strings.Join(calls, ", ")
}()

// beginInsert is the BEGIN of a transaction that inserts.
func beginInsert(lock time.Duration) string {
	return "BEGIN ISOLATION LEVEL READ COMMITTED" + setStatements("LOCAL ", requiredSettings) + fmt.Sprintf("; SET LOCAL lock_timeout = %d", lock.Milliseconds())
}

// inTx runs fn in a transaction of the live pool, bounded only by ctx.
func (p *postgres) inTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, p.pool, pgx.TxOptions{BeginQuery: begin}, fn)
}

// do is inTx with what in front of the error.
func (p *postgres) do(ctx context.Context, what string, fn func(tx pgx.Tx) error) error {
	if err := p.inTx(ctx, fn); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// exec runs one statement in a transaction of the live pool.
func (p *postgres) exec(ctx context.Context, what, statement string, args ...any) error {
	return p.do(ctx, what, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, statement, args...)
		return err
	})
}

// collect returns the rows of a query in a transaction of the live pool.
func collect[T any](ctx context.Context, p *postgres, what string, scan pgx.RowToFunc[T], query string, args ...any) (list []T, err error) {
	err = p.do(ctx, what, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scan)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// prepareSession makes the required settings for a whole session that is not pooled.
// The last two settings exist from PostgreSQL 14 and 17 on, hence the query of
// pg_settings.
func prepareSession(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SELECT 1"+setStatements("", requiredSettings, noTimeouts)+
		"; SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('idle_session_timeout', 'transaction_timeout')",
		pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return fmt.Errorf("set up the session: %w", err)
	}
	return nil
}
