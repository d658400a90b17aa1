package db

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ChannelAccess is the channel of the notifications that somebody may watch
// something else than before.
const ChannelAccess = "pitwall_access"

const (
	publicQuery  = "SELECT CAST(event_id AS text) FROM pitwall_events WHERE public AND delay_s = 0 AND event_id IS NOT NULL"
	delayedQuery = "SELECT CAST(event_id AS text) FROM pitwall_events WHERE (delay_s = 0) IS NOT TRUE AND event_id IS NOT NULL"

	// revocationSlack keeps a revocation in force a little beyond the token's
	// end, for the leeway that tokens are given. Both ends are judged by the clock
	// of this process: by another one, which may be ahead, a revocation could end
	// before its token.
	revocationSlack = time.Hour
)

func (p *postgres) PublicEvents(ctx context.Context) ([]string, error) {
	return p.column(ctx, "read the public events", publicQuery)
}

func (p *postgres) DelayedEvents(ctx context.Context) ([]string, error) {
	return p.column(ctx, "read the delayed events", delayedQuery)
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

func (p *postgres) Revoke(ctx context.Context, token string, expires time.Time) error {
	err := p.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO pitwall_revocations (token_id, expires_at) VALUES ($1, $2)
			ON CONFLICT (token_id) DO UPDATE SET expires_at = excluded.expires_at WHERE excluded.expires_at > pitwall_revocations.expires_at`,
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

func (s *sqlite) DelayedEvents(ctx context.Context) ([]string, error) {
	list, err := s.strings(ctx, delayedQuery)
	if err != nil {
		return nil, fmt.Errorf("read the delayed events: %w", err)
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

func (s *sqlite) Revoke(ctx context.Context, token string, expires time.Time) error {
	res, err := s.write.ExecContext(ctx, `INSERT INTO pitwall_revocations (token_id, expires_at) VALUES (?, ?)
		ON CONFLICT (token_id) DO UPDATE SET expires_at = excluded.expires_at WHERE excluded.expires_at > expires_at`, token, expires.UnixMilli())
	if err != nil {
		return fmt.Errorf("revoke a token: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		s.hub.notify(ChannelAccess)
	}
	return nil
}
