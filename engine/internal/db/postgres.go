package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"pitwall/engine/internal/pace"
)

// minVersion is the oldest server, as in server_version_num.
const minVersion = 130000

// connectTimeout bounds one attempt to connect unless the URL says otherwise.
const connectTimeout = 5 * time.Second

// errURL replaces the error of the parser, which quotes parts of the URL. If a character
// is misplaced, that may be a part of the password.
var errURL = errors.New("not a PostgreSQL URL: want postgres://[user:password@]host[:port]/database[?sslmode=…], " +
	"with special characters in the password percent-encoded")

// postgres is the Database on a PostgreSQL server.
type postgres struct {
	pool    *pgxpool.Pool // for the live part and the commands
	sockets *sockets      // of pool
	primary bool          // pool refuses standbys

	inserts       *pgxpool.Pool // for the archive, so that inserts that wait block nothing else
	insertSockets *sockets
	insertsFrom   string            // name of the setting with its URL
	bulk          pgx.QueryExecMode // for batches, see bulkMode

	direct        *pgx.ConnConfig
	directPrimary bool
	log           *slog.Logger
	noTriggers    bool
	listening     func(channels []string, err error) // may be nil

	renewal      renewal
	unawaitedLog pace.LogLimiter // rows acknowledged without a wait for standbys

	idleCheckEvery, checkTimeout, standbyCheckEvery, lockTimeout, checkEvery time.Duration // the constants; shorter in tests
}

// insertConns is the default size of the pool of the archive.
const insertConns = 4

func openPostgres(ctx context.Context, o Options) (_ *postgres, err error) {
	p := &postgres{log: o.Logger, primary: wantsPrimary(o.URL), directPrimary: wantsPrimary(cmp.Or(o.DirectURL, o.URL)), noTriggers: o.NoTriggers, listening: o.OnListening, insertsFrom: "DATABASE_URL",
		idleCheckEvery: idleCheckEvery, checkTimeout: checkTimeout, standbyCheckEvery: standbyCheckEvery, lockTimeout: lockTimeout, checkEvery: checkEvery}
	config, err := poolConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL is %w", err)
	}
	p.direct = config.ConnConfig.Copy()
	if o.DirectURL != "" {
		c, err := poolConfig(o.DirectURL)
		if err != nil {
			return nil, fmt.Errorf("DATABASE_DIRECT_URL is %w", err)
		}
		p.direct = c.ConnConfig
	}
	from := o.URL
	if o.ArchiveURL != "" {
		from, p.insertsFrom = o.ArchiveURL, "DATABASE_ARCHIVE_URL"
	}
	inserts, err := poolConfig(from)
	if err != nil {
		return nil, fmt.Errorf("%s is %w", p.insertsFrom, err)
	}
	if o.Conns > 0 {
		config.MaxConns = int32(o.Conns)
	}
	switch {
	case o.ArchiveConns > 0:
		inserts.MaxConns = int32(o.ArchiveConns)
	case !strings.Contains(from, "pool_max_conns"):
		inserts.MaxConns = insertConns
	}
	inserts.ConnConfig.OnNotice = onNotice
	p.bulk = bulkMode(inserts.ConnConfig)
	if p.pool, p.sockets, err = p.openPool(ctx, config, p.primary); err != nil {
		return nil, fmt.Errorf("open the database of DATABASE_URL: %w", err)
	}
	if p.inserts, p.insertSockets, err = p.openPool(ctx, inserts, wantsPrimary(from)); err != nil {
		p.pool.Close()
		return nil, fmt.Errorf("open the database of %s: %w", p.insertsFrom, err)
	}
	err = checkVersion(ctx, p.pool, "DATABASE_URL")
	if err == nil && o.ArchiveURL != "" {
		err = checkVersion(ctx, p.inserts, p.insertsFrom)
	}
	if err != nil {
		p.pool.Close()
		p.inserts.Close()
		return nil, err
	}
	return p, nil
}

// openPool makes a pool whose sockets can be closed. The pool connects on first use.
func (p *postgres) openPool(ctx context.Context, config *pgxpool.Config, primary bool) (*pgxpool.Pool, *sockets, error) {
	below := &sockets{dialer: config.ConnConfig.DialFunc}
	config.ConnConfig.DialFunc = below.dial
	if primary {
		p.followPrimary(config)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	return pool, below, err
}

// pools lists the pools, that of DATABASE_URL first.
func (p *postgres) pools() []*pgxpool.Pool { return []*pgxpool.Pool{p.pool, p.inserts} }

// poolConfig reads a URL. No statement is prepared on the server unless the URL asks
// for it, because PgBouncer in transaction mode may send two statements to different
// sessions. The pool has pool_max_conns of the URL, or the larger of 4 and the number
// of CPUs. A standby is refused unless the URL allows it.
func poolConfig(raw string) (*pgxpool.Config, error) {
	if strings.Contains(raw, "://") {
		if _, err := url.Parse(raw); err != nil {
			return nil, errURL
		}
	}
	config, err := pgxpool.ParseConfig(raw)
	if err != nil {
		return nil, errURL
	}
	c := config.ConnConfig
	if !strings.Contains(raw, "default_query_exec_mode") {
		c.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	if _, given := c.RuntimeParams["application_name"]; !given {
		c.RuntimeParams["application_name"] = "pitwall"
	}
	for name, value := range startupSettings {
		maps.DeleteFunc(c.RuntimeParams, func(given, _ string) bool { return strings.EqualFold(given, name) })
		c.RuntimeParams[name] = value
	}
	if wantsPrimary(raw) && c.ValidateConnect == nil {
		c.ValidateConnect = refuseStandby
	}
	return config, nil
}

// bulkMode is the query mode of statements with whole batches. The mode of poolConfig
// sends arrays as text, which is slow on both sides. This mode reads the types of the
// parameters once per connection and sends the arrays in binary. Nothing stays
// prepared on the server, as PgBouncer requires. A mode that the URL sets is kept.
func bulkMode(c *pgx.ConnConfig) pgx.QueryExecMode {
	if c.DefaultQueryExecMode == pgx.QueryExecModeExec && c.DescriptionCacheCapacity > 0 {
		return pgx.QueryExecModeCacheDescribe
	}
	return c.DefaultQueryExecMode
}

// checkVersion checks the server's version, and thereby that the URL works.
func checkVersion(ctx context.Context, pool *pgxpool.Pool, setting string) error {
	var num int
	var version string
	err := pool.QueryRow(ctx, "SELECT current_setting('server_version_num')::int, current_setting('server_version')").
		Scan(&num, &version)
	if err != nil {
		return fmt.Errorf("connect to the server of %s: %w", setting, err)
	}
	if num < minVersion {
		return fmt.Errorf("the server of %s is PostgreSQL %s, want 13 or later", setting, version)
	}
	return nil
}

// withDirect runs fn with a connection of its own to DATABASE_DIRECT_URL.
func (p *postgres) withDirect(ctx context.Context, fn func(*pgx.Conn) error) error {
	conn, err := pgx.ConnectConfig(ctx, p.direct.Copy())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() {
		// Close properly, but do not wait long for a server that does not answer.
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		conn.Close(closing)
	}()
	return fn(conn)
}

func (p *postgres) Kind() string { return "postgres" }

func (p *postgres) Ping(ctx context.Context) error {
	if err := p.pool.Ping(ctx); err != nil {
		return fmt.Errorf("ping PostgreSQL: %w", err)
	}
	return nil
}

// closeTime is how long Close waits for the connections to end.
const closeTime = 2 * time.Second

func (p *postgres) Close() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		var own sync.WaitGroup
		for _, pool := range p.pools() {
			own.Go(pool.Close)
		}
		own.Wait()
	}()
	limit := time.NewTimer(closeTime)
	defer limit.Stop()
	select {
	case <-closed:
		return
	case <-limit.C:
	}
	p.log.Warn("connections to the database did not end in time and were cut", "after", closeTime)
	p.sockets.closeAll()
	p.insertSockets.closeAll()
	<-closed
}

// sqlState returns the SQLSTATE of err, "" when err did not come from the server.
func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}
