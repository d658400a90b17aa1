package db

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ChannelAccess is the channel of notifications that access to events has changed.
const ChannelAccess = "pitwall_access"

const (
	publicQuery  = "SELECT CAST(event_id AS text) FROM pitwall_events WHERE public AND delay_s = 0 AND event_id IS NOT NULL"
	delayedQuery = "SELECT CAST(event_id AS text) FROM pitwall_events WHERE (delay_s = 0) IS NOT TRUE AND event_id IS NOT NULL"

	// revocationMargin is how long a revocation outlives its token, because tokens are
	// accepted for a short time after their expiry. The query compares with the clock of
	// this process, which also decides when a token expires. The database's clock may be
	// ahead, so a revocation could end before its token.
	revocationMargin = time.Hour
)

func (p *postgres) PublicEvents(ctx context.Context) ([]string, error) {
	return collect(ctx, p, "read the public events", pgx.RowTo[string], publicQuery)
}

func (p *postgres) DelayedEvents(ctx context.Context) ([]string, error) {
	return collect(ctx, p, "read the delayed events", pgx.RowTo[string], delayedQuery)
}

func (p *postgres) Revocations(ctx context.Context) ([]string, error) {
	return collect(ctx, p, "read the revocations", pgx.RowTo[string],
		"SELECT token_id FROM pitwall_revocations WHERE expires_at > $1", time.Now().Add(-revocationMargin))
}

func (p *postgres) Revoke(ctx context.Context, token string, expires time.Time) error {
	return p.exec(ctx, "revoke a token", `INSERT INTO pitwall_revocations (token_id, expires_at) VALUES ($1, $2)
		ON CONFLICT (token_id) DO UPDATE SET expires_at = excluded.expires_at WHERE excluded.expires_at > pitwall_revocations.expires_at`,
		token, expires)
}

func (s *sqlite) PublicEvents(ctx context.Context) ([]string, error) {
	return collectSQLite(ctx, s.read, "read the public events", scanText, publicQuery)
}

func (s *sqlite) DelayedEvents(ctx context.Context) ([]string, error) {
	return collectSQLite(ctx, s.read, "read the delayed events", scanText, delayedQuery)
}

func (s *sqlite) Revocations(ctx context.Context) ([]string, error) {
	return collectSQLite(ctx, s.read, "read the revocations", scanText, "SELECT token_id FROM pitwall_revocations WHERE expires_at > ?",
		time.Now().Add(-revocationMargin).UnixMilli())
}

func (s *sqlite) Revoke(ctx context.Context, token string, expires time.Time) error {
	n, err := affected(s.write.ExecContext(ctx, `INSERT INTO pitwall_revocations (token_id, expires_at) VALUES (?, ?)
		ON CONFLICT (token_id) DO UPDATE SET expires_at = excluded.expires_at WHERE excluded.expires_at > expires_at`, token, expires.UnixMilli()))
	if err != nil {
		return fmt.Errorf("revoke a token: %w", err)
	}
	if n > 0 {
		s.hub.notify(ChannelAccess)
	}
	return nil
}
