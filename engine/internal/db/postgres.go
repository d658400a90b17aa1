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

// errURL replaces the parser's own words, which quote parts of the URL, and
// with a misplaced character that part is a piece of the password.
var errURL = errors.New("not a PostgreSQL URL: want postgres://[user:password@]host[:port]/database[?sslmode=…], " +
	"with special characters in the password percent-encoded")

// postgres is the Database on a PostgreSQL server.
type postgres struct {
	pool    *pgxpool.Pool // of the live part and the commands
	sockets *sockets      // below the pool
	primary bool          // no standby will do

	inserts       *pgxpool.Pool // of the archive, so that its waits stop nobody else
	insertSockets *sockets
	insertsFrom   string            // the setting that names its server
	bulk          pgx.QueryExecMode // for batches: see bulkMode

	direct        *pgx.ConnConfig
	directPrimary bool
	log           *slog.Logger
	noTriggers    bool
	listening     func(channels []string, err error) // may be nil

	renewal   renewal
	unawaited pace.LogLimiter // acknowledged without a wait for standbys

	lookEvery, lookTimeout, askEvery, lockTimeout, checkEvery time.Duration // the constants; shorter in tests
}

// insertConns is the size of the archive's pool unless a setting or the URL
// says otherwise.
const insertConns = 4

func openPostgres(ctx context.Context, o Options) (_ *postgres, err error) {
	p := &postgres{log: o.Logger, primary: wantsPrimary(o.URL), directPrimary: wantsPrimary(cmp.Or(o.DirectURL, o.URL)), noTriggers: o.NoTriggers, listening: o.OnListening, insertsFrom: "DATABASE_URL",
		lookEvery: lookEvery, lookTimeout: lookTimeout, askEvery: askEvery, lockTimeout: lockTimeout, checkEvery: checkEvery}
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
	inserts.ConnConfig.OnNotice = noticed
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

// openPool opens a pool over sockets that can be cut. It connects later.
func (p *postgres) openPool(ctx context.Context, config *pgxpool.Config, primary bool) (*pgxpool.Pool, *sockets, error) {
	below := &sockets{dialer: config.ConnConfig.DialFunc}
	config.ConnConfig.DialFunc = below.dial
	if primary {
		p.followPrimary(config)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	return pool, below, err
}

// pools lists the pools: first that of DATABASE_URL.
func (p *postgres) pools() []*pgxpool.Pool { return []*pgxpool.Pool{p.pool, p.inserts} }

// poolConfig reads a URL. Nothing is prepared on the server unless the URL
// asks for it, so that any two statements may go to different sessions, which
// is what PgBouncer in transaction mode does. The pool holds the larger of 4
// and the number of CPUs, or pool_max_conns of the URL. A server that is a
// standby is refused unless the URL asks for it.
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
	for name, value := range opening {
		maps.DeleteFunc(c.RuntimeParams, func(given, _ string) bool { return strings.EqualFold(given, name) })
		c.RuntimeParams[name] = value
	}
	if wantsPrimary(raw) && c.ValidateConnect == nil {
		c.ValidateConnect = refuseStandby
	}
	return config, nil
}

// bulkMode is how statements with whole batches go over. The mode of poolConfig
// writes arrays as text, which costs twice the allocations here and a quarter of
// an insert's time on both sides; so the types of the parameters are asked for
// once per connection, and the arrays go in binary. Still nothing stays prepared on the server, as PgBouncer wants it.
// A mode of the URL's own is kept.
func bulkMode(c *pgx.ConnConfig) pgx.QueryExecMode {
	if c.DefaultQueryExecMode == pgx.QueryExecModeExec && c.DescriptionCacheCapacity > 0 {
		return pgx.QueryExecModeCacheDescribe
	}
	return c.DefaultQueryExecMode
}

// checkVersion connects, which shows that the URL works.
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
		// A goodbye, unless the server does not take it at once.
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		conn.Close(bye)
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

// closeTime is how long connections have for their goodbye.
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
	p.sockets.cut()
	p.insertSockets.cut()
	<-closed
}

// sqlState returns the five characters by which PostgreSQL names an error, or
// "" when err did not come from the server.
func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}
