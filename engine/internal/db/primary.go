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

// askEvery is after what time a session is asked again whether its server is a
// standby. Reads would never find out.
const askEvery = 5 * time.Second

// renewGap is the least time between two renewals. One renewal replaces every
// session, and each new one is asked when it is made.
const renewGap = time.Second

const inRecovery = "SELECT pg_is_in_recovery()"

// errStandby says that a server only follows another one.
var errStandby = errors.New("the server is a standby, which can only be read: the primary is wanted " +
	"(target_session_attrs=any in the URL takes any server)")

// errRenewed ends a session that listens, together with those of the pools.
var errRenewed = errors.New("all sessions are made again")

// Keys of what is noted at a connection.
const (
	askedAt  = "pitwall asked"        // when it was last asked, a time.Time
	readOnly = "pitwall reads"        // it is in a transaction that we made read only
	lonely   = "pitwall unreplicated" // a commit did not wait for the standbys
)

// attrs is the parameter by which a URL says which servers it may lead to.
var attrs = regexp.MustCompile(`target_session_attrs\s*=\s*'?([a-z-]*)`)

// wantsPrimary says whether the servers of a URL must be primaries. They must
// unless the operator has said otherwise.
func wantsPrimary(raw string) bool {
	target := os.Getenv("PGTARGETSESSIONATTRS")
	if m := attrs.FindStringSubmatch(raw); m != nil {
		target = m[1]
	}
	return target == "" || target == "read-write" || target == "primary"
}

// refuseStandby is a pgconn.ValidateConnectFunc. Of several hosts in a URL the
// next is then tried.
func refuseStandby(ctx context.Context, c *pgconn.PgConn) error {
	results, err := c.Exec(ctx, inRecovery).ReadAll()
	if err != nil {
		return err
	}
	if len(results) == 1 && len(results[0].Rows) == 1 && string(results[0].Rows[0][0]) == "t" {
		return errStandby
	}
	c.CustomData()[askedAt] = time.Now()
	return nil
}

// renewal replaces the sessions of all pools, and those that listen.
type renewal struct {
	mu        sync.Mutex
	last      time.Time
	listening map[*context.CancelCauseFunc]struct{}
	fault     pace.LogLimiter
}

// listens adds a session that renew ends, until the returned function is
// called.
func (r *renewal) listens(end context.CancelCauseFunc) (forget func()) {
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

// renew has every session replaced: idle ones now, others once they are
// released. It may be called while a session is in use.
func (p *postgres) renew(reason string) {
	r := &p.renewal
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	n, tell := r.fault.Allow(now)
	if tell {
		p.log.Warn("the database can only be read; all sessions are closed and made again",
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

// followPrimary makes a pool leave servers that turned read only.
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
		if at, ok := noted[askedAt].(time.Time); ok && time.Since(at) < p.askEvery {
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
		noted[askedAt] = time.Now()
		return true, nil
	}
}

// CheckWritable looks at the pools: a role may be read only on a primary, too.
func (p *postgres) CheckWritable(ctx context.Context, archive bool) error {
	if p.primary {
		if err := checkWritable(ctx, p.pool, "DATABASE_URL"); err != nil {
			return err
		}
	}
	if !archive {
		return nil
	}
	return checkWritable(ctx, p.inserts, p.insertsFrom)
}

func checkWritable(ctx context.Context, pool *pgxpool.Pool, from string) error {
	var standby bool
	var setting string
	err := pool.QueryRow(ctx, "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')").Scan(&standby, &setting)
	switch {
	case err != nil:
		return fmt.Errorf("look whether the role of %s may write: %w", from, err)
	case standby:
		return fmt.Errorf("%s: %w", from, errStandby)
	case setting != "off":
		return fmt.Errorf("the role of %s may only read, since default_transaction_read_only is %s: "+
			"ALTER ROLE … SET default_transaction_read_only = off (or ALTER DATABASE, ALTER SYSTEM, where it is set), or another role", from, setting)
	}
	return nil
}

// checkArchive fails when the archive would write to another table than the
// one that everything else reads.
func (p *postgres) checkArchive(ctx context.Context) error {
	var tables [2]string
	for i, pool := range p.pools() {
		err := pool.QueryRow(ctx, `SELECT oid || '/' || coalesce(to_regclass('positions')::oid, 0) FROM pg_database
			WHERE datname = current_database()`).Scan(&tables[i])
		if err != nil {
			return fmt.Errorf("look where positions is: %w", err)
		}
	}
	if tables[0] != tables[1] {
		return fmt.Errorf("%s leads to another table positions than DATABASE_URL: want the same database and schema", p.insertsFrom)
	}
	return nil
}

// CheckWritable finds nothing: a folder that cannot be written to has failed
// Open.
func (s *sqlite) CheckWritable(context.Context, bool) error { return nil }
