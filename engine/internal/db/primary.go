package db

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"pitwall/engine/internal/pace"
)

// standbyCheckEvery is the time after which a session is checked again before use: its
// server may have become a standby. Reads alone would not notice that.
const standbyCheckEvery = 5 * time.Second

// renewGap is the least time between two renewals. One renewal replaces every
// session, and each new session is checked when it opens.
const renewGap = time.Second

const inRecovery = "SELECT pg_is_in_recovery()"

// errStandby says that a server is a standby.
var errStandby = errors.New("the server is a standby, which can only be read: Pitwall needs the primary " +
	"(target_session_attrs=any in the URL allows any server)")

// errRenewed ends a listening session when the sessions of the pools are replaced.
var errRenewed = errors.New("all sessions are being replaced")

// Keys of the custom data of a connection.
const (
	checkedAt    = "pitwall asked"        // time.Time of the last standby check
	readOnly     = "pitwall reads"        // it is in a transaction that is read only on purpose
	unreplicated = "pitwall unreplicated" // a commit did not wait for the standbys
)

// attrs finds the parameter of a URL that says which servers the URL may lead to.
var attrs = regexp.MustCompile(`target_session_attrs\s*=\s*'?([a-z-]*)`)

// wantsPrimary reports whether the servers of a URL must be primaries: yes, unless
// target_session_attrs in the URL or the environment says otherwise.
func wantsPrimary(raw string) bool {
	target := os.Getenv("PGTARGETSESSIONATTRS")
	if m := attrs.FindStringSubmatch(raw); m != nil {
		target = m[1]
	}
	return target == "" || target == "read-write" || target == "primary"
}

// refuseStandby is a pgconn.ValidateConnectFunc. After its error the next host of the
// URL is tried.
func refuseStandby(ctx context.Context, c *pgconn.PgConn) error {
	results, err := c.Exec(ctx, inRecovery).ReadAll()
	if err != nil {
		return err
	}
	if len(results) == 1 && len(results[0].Rows) == 1 && string(results[0].Rows[0][0]) == "t" {
		return errStandby
	}
	c.CustomData()[checkedAt] = time.Now()
	return nil
}

// renewal replaces the sessions of all pools and the listening sessions.
type renewal struct {
	mu        sync.Mutex
	last      time.Time
	listening map[*context.CancelCauseFunc]struct{}
	log       pace.LogLimiter
}

// addListener registers a listening session that renew ends. The returned function
// removes it.
func (r *renewal) addListener(end context.CancelCauseFunc) (forget func()) {
	key := &end
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listening == nil {
		r.listening = map[*context.CancelCauseFunc]struct{}{}
	}
	r.listening[key] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.listening, key)
	}
}

// renew replaces every session: idle ones now, others when they are released. It may
// be called while a session is in use.
func (p *postgres) renew(reason string) {
	r := &p.renewal
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	n, tell := r.log.Allow(now)
	if tell {
		p.log.Warn("the database can only be read; all sessions are closed and opened again",
			"setting", "DATABASE_URL", "reason", reason, "times", n)
	}
	if now.Sub(r.last) < renewGap {
		return
	}
	r.last = now
	for _, pool := range p.pools() {
		pool.Reset()
	}
	for end := range r.listening {
		(*end)(errRenewed)
	}
}

// followPrimary makes a pool replace its sessions when a server has become read-only.
func (p *postgres) followPrimary(config *pgxpool.Config) {
	c := config.ConnConfig
	before := c.OnPgError
	c.OnPgError = func(conn *pgconn.PgConn, e *pgconn.PgError) bool {
		if e.Code == readOnlyTransaction && conn.CustomData()[readOnly] == nil {
			p.renew(e.Message)
			return false // the connection is closed
		}
		return before == nil || before(conn, e)
	}
	config.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) {
		noted := conn.PgConn().CustomData()
		if at, ok := noted[checkedAt].(time.Time); ok && time.Since(at) < p.standbyCheckEvery {
			return true, nil
		}
		var standby bool
		if err := conn.QueryRow(ctx, inRecovery).Scan(&standby); err != nil {
			return false, ctx.Err() // the pool tries another connection
		}
		if standby {
			p.renew(errStandby.Error())
			return false, nil
		}
		noted[checkedAt] = time.Now()
		return true, nil
	}
}

// CheckWritable checks the pools. Even on a primary a role may be read-only.
func (p *postgres) CheckWritable(ctx context.Context, archive bool) error {
	if p.primary {
		if err := checkPoolWritable(ctx, p.pool, "DATABASE_URL"); err != nil {
			return err
		}
	}
	if !archive {
		return nil
	}
	return checkPoolWritable(ctx, p.inserts, p.insertsFrom)
}

func checkPoolWritable(ctx context.Context, pool *pgxpool.Pool, from string) error {
	var standby bool
	var setting string
	err := pool.QueryRow(ctx, "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')").Scan(&standby, &setting)
	switch {
	case err != nil:
		return fmt.Errorf("check whether the role of %s may write: %w", from, err)
	case standby:
		return fmt.Errorf("%s: %w", from, errStandby)
	case setting != "off":
		return fmt.Errorf("the role of %s may only read, since default_transaction_read_only is %s: "+
			"ALTER ROLE … SET default_transaction_read_only = off (or ALTER DATABASE, ALTER SYSTEM, where it is set), or another role", from, setting)
	}
	return nil
}

// checkArchive fails when the archive would write to another table than the one that
// everything else reads.
func (p *postgres) checkArchive(ctx context.Context) error {
	var tables [2]string
	for i, pool := range p.pools() {
		err := pool.QueryRow(ctx, `SELECT oid || '/' || coalesce(to_regclass('positions')::oid, 0) FROM pg_database
			WHERE datname = current_database()`).Scan(&tables[i])
		if err != nil {
			return fmt.Errorf("read which table positions is: %w", err)
		}
	}
	if tables[0] != tables[1] {
		return fmt.Errorf("%s leads to another table positions than DATABASE_URL: want the same database and schema", p.insertsFrom)
	}
	return nil
}

// CheckWritable returns nil: Open fails when the folder is not writable.
func (s *sqlite) CheckWritable(context.Context, bool) error { return nil }
