package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// commandTimeout bounds every command that does not block, whatever the
// caller's context says.
const commandTimeout = 5 * time.Second

// minMajor is the oldest major version of Redis that is served.
const minMajor = 7

// Options say which server to open.
type Options struct {
	// URL is redis://[user:password@]host:port[/db], rediss:// for TLS, or
	// unix:// with the path of a socket.
	URL string
	// Logger receives one line when the connection stands, and one before when
	// that has to be waited for. Required.
	Logger *slog.Logger
	// Patience is how long a server that loads its data is waited for; default
	// 1 min.
	Patience time.Duration
}

// Client is an open door to one Redis server. It reconnects by itself: a
// command fails while the server is away and works again when it is back.
// Safe for use by any number of goroutines.
type Client struct {
	commands // on the connection that all share
	rdb      rueidis.Client
	links    links
	log      *slog.Logger
	db       int        // number of the database
	leaving  sync.Mutex // held by whoever leaves a replica
	cluster  bool       // the server is a node of a Cluster
}

// Open connects, and fails when the server is not there, refuses the login, or
// is older than Redis 7.0. The error names REDIS_URL and never its content.
// Close ends what Open began.
func Open(ctx context.Context, o Options) (*Client, error) {
	opt, err := clientOptions(o.URL)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("connect to Redis: %w", err)
	}
	c := &Client{log: o.Logger, db: opt.SelectDB}
	c.links.watch(&opt)
	rdb, err := rueidis.NewClient(opt)
	if err != nil {
		if rdb != nil {
			rdb.Close()
		}
		return nil, fmt.Errorf("connect to Redis at %s (REDIS_URL): %w", opt.InitAddress[0], err)
	}
	c.rdb, c.do = rdb, c.shared
	server, err := c.checkVersion(ctx)
	if err != nil {
		rdb.Close()
		return nil, fmt.Errorf("connect to Redis at %s (REDIS_URL): %w", opt.InitAddress[0], err)
	}
	if err := c.awaitData(ctx, o.Patience); err != nil {
		rdb.Close()
		return nil, fmt.Errorf("connect to Redis at %s (REDIS_URL): %w", opt.InitAddress[0], err)
	}
	c.log.Info("redis connected", "addr", opt.InitAddress[0], "db", opt.SelectDB, "tls", opt.TLSConfig != nil, "server", server)
	return c, nil
}

// Close ends all connections. Commands in flight fail. Readers are closed by
// those who made them, before.
func (c *Client) Close() { c.rdb.Close() }

// shared runs one command that does not block.
func (c *Client) shared(ctx context.Context, what string, args ...string) (rueidis.RedisMessage, error) {
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	m, err := c.rdb.Do(limited, c.rdb.B().Arbitrary(args...).Build()).ToMessage()
	if err != nil && !rueidis.IsRedisNil(err) {
		c.leaveReplica(ctx, err, false)
		return m, failure(ctx, commandTimeout, what, err)
	}
	return m, nil
}

// leaveReplica gives the connection up on which err came if it says that the
// server is a replica now. The name in REDIS_URL may lead to the new master,
// but it is looked up only for a new connection, and the old server would keep
// this one for ever. pooled says that the command took one from the pool for
// blocking commands.
func (c *Client) leaveReplica(ctx context.Context, err error, pooled bool) {
	if !isReadOnly(err) || !c.leaving.TryLock() { // one goodbye is enough for all who failed
		return
	}
	defer c.leaving.Unlock()
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	quit := c.rdb.B().Arbitrary("QUIT")
	if pooled {
		_ = c.rdb.Do(limited, quit.Blocking()).Error() // what counts is that the server closes
		return
	}
	_ = c.rdb.Do(limited, quit.Build()).Error()
}

// Ping asks the server for a sign of life.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.do(ctx, "ping Redis", "PING")
	return err
}

// checkVersion refuses servers that are too old and returns name and version.
// HELLO tells both everywhere, the embedded server included, and needs no right
// that a restricted login may lack.
func (c *Client) checkVersion(ctx context.Context) (string, error) {
	m, err := c.do(ctx, "ask for the version", "HELLO", "3")
	if err != nil {
		if replyHas(err, "unknown command") {
			return "", errors.New("the server is older than Redis 7.0")
		}
		return "", err
	}
	fields, err := m.AsMap()
	if err != nil {
		return "", fmt.Errorf("ask for the version: %w", errBadReply)
	}
	c.cluster = text(fields["mode"]) == "cluster"
	name, version := text(fields["server"]), text(fields["version"])
	if name == embeddedServer {
		c.only = embeddedServer
	}
	major, err := strconv.Atoi(version[:max(strings.IndexByte(version, '.'), 0)])
	if err != nil {
		return "", fmt.Errorf("ask for the version: got %q", version)
	}
	if major < minMajor {
		return "", fmt.Errorf("the server is %s %s, but Redis 7.0 or later (or Valkey) is needed", name, version)
	}
	return name + " " + version, nil
}

// Time returns the server's clock.
func (c *Client) Time(ctx context.Context) (time.Time, error) {
	const what = "ask for the time"
	m, err := c.do(ctx, what, "TIME")
	if err != nil {
		return time.Time{}, err
	}
	parts, err := m.AsIntSlice()
	if err != nil || len(parts) != 2 {
		return time.Time{}, fmt.Errorf("%s: %w", what, errBadReply)
	}
	return time.Unix(parts[0], parts[1]*1000), nil
}

// text returns the string of m, "" when it is none.
func text(m rueidis.RedisMessage) string {
	s, err := m.ToString()
	if err != nil {
		return ""
	}
	return s
}
