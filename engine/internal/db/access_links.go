package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Token is a share link, or a token that was revoked.
type Token struct {
	ID             string
	Link           bool      // a share link; Event to Created are set only for links
	Event          string    // what the link shows
	Expires        time.Time // end of its validity
	MaxConnections int       // at the same time; 0: no limit
	Created        time.Time
	Revoked        time.Time // end of the revocation; zero: not revoked
}

const (
	tokensQuery = `SELECT coalesce(l.link_id, r.token_id), l.event_id, l.expires_at, l.max_connections, l.created_at, r.expires_at
		FROM pitwall_links l FULL JOIN pitwall_revocations r ON r.token_id = l.link_id
		WHERE $1 IN ('', coalesce(l.link_id, r.token_id)) ORDER BY l.created_at DESC, 1`
	saveLinkQuery = `INSERT INTO pitwall_links (link_id, event_id, expires_at, max_connections, created_at) VALUES ($1, $2, $3, $4, $5)`

	eventQuery = `SELECT EXISTS (SELECT 1 FROM events WHERE CAST(id AS text) = $1),
		EXISTS (SELECT 1 FROM pitwall_events WHERE CAST(event_id AS text) = $1 AND (delay_s = 0) IS NOT TRUE)`
)

func (p *postgres) Tokens(ctx context.Context, id string) ([]Token, error) {
	return collect(ctx, p, "read the share links and revocations", func(row pgx.CollectableRow) (Token, error) {
		return scanToken(row, func(t *time.Time) time.Time { return *t })
	}, tokensQuery, id)
}

// scanToken reads a row of tokensQuery. instant converts the driver's type of times.
func scanToken[T any](row interface{ Scan(...any) error }, instant func(*T) time.Time) (t Token, err error) {
	var event *string
	var expires, created, revoked *T
	var most *int
	if err = row.Scan(&t.ID, &event, &expires, &most, &created, &revoked); err != nil {
		return t, err
	}
	if event != nil {
		t.Link, t.Event, t.MaxConnections = true, *event, *most
		t.Expires, t.Created = instant(expires), instant(created)
	}
	if revoked != nil {
		t.Revoked = instant(revoked)
	}
	return t, nil
}

func (p *postgres) SaveLink(ctx context.Context, t Token) error {
	return p.exec(ctx, "save a share link", saveLinkQuery, t.ID, t.Event, t.Expires, t.MaxConnections, t.Created)
}

func (p *postgres) FindEvent(ctx context.Context, id string) (exists, delayed bool, err error) {
	err = p.do(ctx, "look for an event", func(tx pgx.Tx) error { return tx.QueryRow(ctx, eventQuery, id).Scan(&exists, &delayed) })
	return exists, delayed, err
}

func (s *sqlite) Tokens(ctx context.Context, id string) ([]Token, error) {
	return collectSQLite(ctx, s.read, "read the share links and revocations", func(rows *sql.Rows) (Token, error) {
		return scanToken(rows, func(ms *int64) time.Time { return time.UnixMilli(*ms) })
	}, tokensQuery, id)
}

func (s *sqlite) SaveLink(ctx context.Context, t Token) error {
	_, err := s.write.ExecContext(ctx, saveLinkQuery, t.ID, t.Event, t.Expires.UnixMilli(), t.MaxConnections, t.Created.UnixMilli())
	if err != nil {
		return fmt.Errorf("save a share link: %w", err)
	}
	return nil
}

func (s *sqlite) FindEvent(ctx context.Context, id string) (exists, delayed bool, err error) {
	if err := s.read.QueryRowContext(ctx, eventQuery, id).Scan(&exists, &delayed); err != nil {
		return false, false, fmt.Errorf("look for an event: %w", err)
	}
	return exists, delayed, nil
}
