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
	// unix:// with the path of a socket. Any node of a Cluster leads to all, and
	// ?master_set=name makes the hosts Sentinels. See engine/ops/README.md.
	URL string
	// Logger receives one line when the connection stands, and one before when
	// that has to be waited for. Required.
	Logger *slog.Logger
	// Patience is how long a server that loads its data is waited for; default
	// 1 min.
	Patience time.Duration
}

// Client is a connection to one Redis server, or to the nodes of a Redis
// Cluster. It reconnects by itself: a command fails while its server is away and
// works again when it is back. Safe for use by any number of goroutines.
type Client struct {
	commands   // on the connection that all share
	rdb        rueidis.Client
	connFinder *connFinder // of rdb
	nodes      *cluster    // nil for a single server; rdb is one of its nodes
	log        *slog.Logger
	db         int        // number of the database
	quitting   sync.Mutex // held by whoever leaves a replica
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
	var errs []error
	for _, addr := range opt.InitAddress {
		c := &Client{log: o.Logger, db: opt.SelectDB}
		c.do = c.doShared
		server, err := c.connect(ctx, opt, addr, o.Patience)
		if err == nil {
			c.log.Info("redis connected", "addr", addr, "db", opt.SelectDB, "tls", opt.TLSConfig != nil, "server", server)
			return c, nil
		}
		c.Close()
		errs = append(errs, fmt.Errorf("connect to Redis at %s (REDIS_URL): %w", addr, err))
		if opt.Sentinel.MasterSet != "" || ctx.Err() != nil {
			break // all Sentinels have been tried
		}
	}
	return nil, errors.Join(errs...)
}

// connect connects to one of the addresses, and returns what server
// is there.
func (c *Client) connect(ctx context.Context, opt rueidis.ClientOption, addr string, patience time.Duration) (server string, err error) {
	one, byName := opt, opt.Sentinel.MasterSet != ""
	if !byName {
		one = newNode(opt, addr).opt
	}
	c.connFinder = newConnFinder(&one)
	if c.rdb, err = rueidis.NewClient(one); err != nil {
		if byName {
			err = fmt.Errorf("ask the Sentinels for the master of parameter master_set: %w", err)
		}
		return "", err
	}
	server, mode, err := c.checkVersion(ctx)
	switch {
	case err != nil:
		return "", err
	case mode == "sentinel":
		return "", errors.New("it is a Sentinel, which takes the name of its master as parameter master_set")
	case mode == "cluster" && byName:
		return "", errors.New("the master of parameter master_set is a node of a Cluster, which needs no Sentinel")
	case mode != "cluster" && !byName && len(opt.InitAddress) > 1:
		return "", errors.New("parameter addr has no effect: the server is neither a Sentinel nor a node of a Cluster")
	}
	if err := c.awaitData(ctx, patience); err != nil {
		return "", err
	}
	if mode != "cluster" {
		return server, nil
	}
	c.nodes = newCluster(opt, addr, c.rdb, c.connFinder, c.log)
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	return server + ", node of a Cluster", c.nodes.refresh(limited)
}

// Close ends all connections. Commands in flight fail. Readers are closed by
// those who made them, before.
func (c *Client) Close() {
	if c.nodes != nil {
		c.nodes.closeAll()
	} else if c.rdb != nil {
		c.rdb.Close()
	}
}

// doer is what runs a command: the client, a connection of one's own, or a route
// to the owner of a slot.
type doer interface {
	B() rueidis.Builder
	Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult
}

// target is where the commands on a key go.
func (c *Client) target(key string) doer {
	if c.nodes == nil {
		return c.rdb
	}
	return route{c.nodes, slotOf(key)}
}

// doShared runs one command that does not block.
func (c *Client) doShared(ctx context.Context, what string, to onKey, args ...string) (rueidis.RedisMessage, error) {
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	target := c.target(to.key)
	m, err := target.Do(limited, target.B().Arbitrary(args...).Build()).ToMessage()
	if err != nil && !rueidis.IsRedisNil(err) {
		c.leaveReplica(ctx, err, false)
		return m, wrapError(ctx, commandTimeout, what, err)
	}
	return m, nil
}

// leaveReplica gives the connection up on which err came if it says that the
// server is a replica now. The name in REDIS_URL may lead to the new master,
// but it is looked up only for a new connection, and the old server would keep
// this one for ever. pooled says that the command took one from the pool for
// blocking commands.
func (c *Client) leaveReplica(ctx context.Context, err error, pooled bool) {
	if !isReadOnly(err) || c.nodes != nil || !c.quitting.TryLock() { // one goodbye is enough for all who failed
		return
	}
	defer c.quitting.Unlock()
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	quit := c.rdb.B().Arbitrary("QUIT")
	if pooled {
		_ = c.rdb.Do(limited, quit.Blocking()).Error() // what counts is that the server closes
		return
	}
	_ = c.rdb.Do(limited, quit.Build()).Error()
}

// Ping asks the server for a sign of life; on a Cluster, each node that owns one
// of the keys.
func (c *Client) Ping(ctx context.Context, keys ...string) error {
	if c.nodes == nil {
		_, err := c.do(ctx, "ping Redis", onKey{}, "PING")
		return err
	}
	var errs []error
	asked := map[string]bool{}
	for _, key := range keys {
		addr := c.nodes.ownerAddr(slotOf(key))
		if asked[addr] {
			continue
		}
		asked[addr] = true
		if _, err := c.do(ctx, "ping Redis, the owner of "+key+" at "+addr, onKey{key}, "PING"); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// checkVersion refuses servers that are too old and returns name and version,
// and whether the server is alone, a Sentinel, or a node of a Cluster. HELLO tells
// all everywhere, the embedded server included, and needs no right that a
// restricted login may lack.
func (c *Client) checkVersion(ctx context.Context) (server, mode string, err error) {
	m, err := c.do(ctx, "ask for the version", onKey{}, "HELLO", "3")
	if err != nil {
		if replyHas(err, "unknown command") {
			return "", "", errors.New("the server is older than Redis 7.0")
		}
		return "", "", err
	}
	fields, err := m.AsMap()
	if err != nil {
		return "", "", fmt.Errorf("ask for the version: %w", errBadReply)
	}
	mode = messageString(fields["mode"])
	name, version := messageString(fields["server"]), messageString(fields["version"])
	if name == embeddedServer {
		c.fixedRunID = embeddedServer
	}
	major, err := strconv.Atoi(version[:max(strings.IndexByte(version, '.'), 0)])
	if err != nil {
		return "", "", fmt.Errorf("ask for the version: got %q", version)
	}
	if major < minMajor {
		return "", "", fmt.Errorf("the server is %s %s, but Redis 7.0 or later (or Valkey) is needed", name, version)
	}
	return name + " " + version, mode, nil
}

// Time returns the clock of the server that has the key.
func (c *Client) Time(ctx context.Context, key string) (time.Time, error) {
	const what = "ask for the time"
	m, err := c.do(ctx, what, onKey{key}, "TIME")
	if err != nil {
		return time.Time{}, err
	}
	parts, err := m.AsIntSlice()
	if err != nil || len(parts) != 2 {
		return time.Time{}, fmt.Errorf("%s: %w", what, errBadReply)
	}
	return time.Unix(parts[0], parts[1]*1000), nil
}

// messageString returns the string of m, "" when it is none.
func messageString(m rueidis.RedisMessage) string {
	s, err := m.ToString()
	if err != nil {
		return ""
	}
	return s
}
