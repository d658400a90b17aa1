package db

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// opening are the settings that every session is opened with, whatever the
// server, the database and the role say. PgBouncer knows these and sets them on
// the session of each transaction; it refuses any other.
var opening = map[string]string{
	"client_encoding":             "UTF8",
	"DateStyle":                   "ISO, YMD",
	"TimeZone":                    "UTC",
	"standard_conforming_strings": "on",
}

// relied are the other settings that statements rely on. A pooler gives each
// transaction any session, so each transaction sets them for itself.
// client_min_messages lets through the warning that no standby has a commit.
var relied = []struct{ name, value string }{
	{"IntervalStyle", "postgres"},
	{"extra_float_digits", "1"},
	{"quote_all_identifiers", "off"},
	{"array_nulls", "on"},
	{"client_min_messages", "warning"},
	{"idle_in_transaction_session_timeout", "0"},
}

// Limits of time that a role may have. The caller's context bounds what reads
// and what an operator asks for. An insert keeps the role's own limit, and
// waits for a lock for lockTimeout at most.
var unbounded = []struct{ name, value string }{
	{"statement_timeout", "0"},
	{"lock_timeout", "0"},
}

// lockTimeout is how long an insert may wait for a lock that somebody holds on
// its table. It then gives its session to others, and is tried again.
const lockTimeout = 5 * time.Second

// set lists SET statements. scope is "" for the session, or "LOCAL " for the
// transaction.
func set(scope string, lists ...[]struct{ name, value string }) string {
	var b strings.Builder
	for _, list := range lists {
		for _, s := range list {
			fmt.Fprintf(&b, "; SET %s%s = '%s'", scope, s.name, s.value)
		}
	}
	return b.String()
}

// The ways in which transactions begin. Each is one message to the server.
var (
	begin     = "BEGIN ISOLATION LEVEL READ COMMITTED" + set("LOCAL ", relied, unbounded)
	beginLast = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" + set("LOCAL ", relied, unbounded) + "; " + alongTheIndex
)

// setLocal does what begin does, in one statement, for a batch.
var setLocal = func() string {
	var calls []string
	for _, s := range append(relied[:len(relied):len(relied)], unbounded...) {
		calls = append(calls, fmt.Sprintf("set_config('%s', '%s', true)", s.name, s.value))
	}
	return "SELECT " + strings.Join(calls, ", ")
}()

// beginInsert begins a transaction that inserts.
func beginInsert(lock time.Duration) string {
	return "BEGIN ISOLATION LEVEL READ COMMITTED" + set("LOCAL ", relied) + fmt.Sprintf("; SET LOCAL lock_timeout = %d", lock.Milliseconds())
}

// inTx runs fn in a transaction of the live pool, bounded by ctx alone.
func (p *postgres) inTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, p.pool, pgx.TxOptions{BeginQuery: begin}, fn)
}

// settle gives a session of its own what relied and unbounded say. Servers
// have the last two settings from version 14 and 17 on.
func settle(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SELECT 1"+set("", relied, unbounded)+
		"; SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('idle_session_timeout', 'transaction_timeout')",
		pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return fmt.Errorf("set up the session: %w", err)
	}
	return nil
}
