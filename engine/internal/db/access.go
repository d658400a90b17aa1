package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ChannelAccess is the channel of the notifications that somebody may watch
// something else than before.
const ChannelAccess = "pitwall_access"

const (
	publicQuery = "SELECT CAST(event_id AS text) FROM pitwall_events WHERE public AND event_id IS NOT NULL"
	memberQuery = "SELECT 1 FROM pitwall_members WHERE user_id = $1 AND event_id = $2"

	// readOnlyTransaction is the SQLSTATE of a write where none may be.
	readOnlyTransaction = "25006"

	// revocationSlack keeps a revocation in force a little beyond the token's
	// end, for the leeway that tokens are given.
	revocationSlack = time.Hour
)

func (p *postgres) PublicEvents(ctx context.Context) ([]string, error) {
	return p.column(ctx, "read the public events", publicQuery)
}

func (p *postgres) Revocations(ctx context.Context) ([]string, error) {
	return p.column(ctx, "read the revocations",
		"SELECT token_id FROM pitwall_revocations WHERE expires_at > $1", time.Now().Add(-revocationSlack))
}

// column returns a query's one column of text.
func (p *postgres) column(ctx context.Context, what, query string, args ...any) (list []string, err error) {
	err = p.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return list, nil
}

// MayWatch asks in a transaction that can only read, in one round trip.
func (p *postgres) MayWatch(ctx context.Context, query, user, event string) (yes bool, err error) {
	if query == "" {
		query = memberQuery
	}
	err = p.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		var b pgx.Batch
		b.Queue("BEGIN READ ONLY")
		b.Queue(setLocal)
		b.Queue(query, user, event).Query(func(rows pgx.Rows) error {
			if !rows.Next() {
				return nil // or an error, which the batch returns
			}
			values, err := rows.Values()
			yes = err == nil && isYes(values)
			return err
		})
		b.Queue("COMMIT")
		noted := c.Conn().PgConn().CustomData()
		noted[readOnly] = true // a query that would write says nothing about the server
		defer delete(noted, readOnly)
		err := c.SendBatch(ctx, &b).Close()
		if err != nil && c.Conn().PgConn().TxStatus() != 'I' {
			_, _ = c.Exec(ctx, "ROLLBACK") // where it fails, the pool closes the connection
		}
		return err
	})
	if sqlState(err) == readOnlyTransaction {
		return false, fmt.Errorf("ask who may watch: the query wants to write, which it may not: %w", err)
	}
	if err != nil {
		return false, fmt.Errorf("ask who may watch: %w", err)
	}
	return yes, nil
}

// isYes judges the first column of a row: anything but NULL, false and 0.
func isYes(row []any) bool {
	if len(row) == 0 {
		return false
	}
	switch v := row[0].(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case int32:
		return v != 0
	case int16:
		return v != 0
	}
	return true
}

func (p *postgres) Revoke(ctx context.Context, token string, expires time.Time) error {
	err := p.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO pitwall_revocations (token_id, expires_at) VALUES ($1, $2)
			ON CONFLICT (token_id) DO UPDATE SET expires_at = greatest(pitwall_revocations.expires_at, excluded.expires_at)`,
			token, expires)
		return err
	})
	if err != nil {
		return fmt.Errorf("revoke a token: %w", err)
	}
	return nil
}

func (s *sqlite) PublicEvents(ctx context.Context) ([]string, error) {
	list, err := s.strings(ctx, publicQuery)
	if err != nil {
		return nil, fmt.Errorf("read the public events: %w", err)
	}
	return list, nil
}

func (s *sqlite) Revocations(ctx context.Context) ([]string, error) {
	list, err := s.strings(ctx, "SELECT token_id FROM pitwall_revocations WHERE expires_at > ?",
		time.Now().Add(-revocationSlack).UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("read the revocations: %w", err)
	}
	return list, nil
}

// numbered turns PostgreSQL's parameters into SQLite's, which binds $1 by name.
var numbered = strings.NewReplacer("$1", "?1", "$2", "?2")

func (s *sqlite) MayWatch(ctx context.Context, query, user, event string) (bool, error) {
	if query == "" {
		query = memberQuery
	}
	var v any
	err := s.read.QueryRowContext(ctx, numbered.Replace(query), user, event).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask who may watch: %w", err)
	}
	return isYes([]any{v}), nil
}

func (s *sqlite) Revoke(ctx context.Context, token string, expires time.Time) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO pitwall_revocations (token_id, expires_at) VALUES (?, ?)
		ON CONFLICT (token_id) DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)`, token, expires.UnixMilli())
	if err != nil {
		return fmt.Errorf("revoke a token: %w", err)
	}
	s.hub.notify(ChannelAccess)
	return nil
}
