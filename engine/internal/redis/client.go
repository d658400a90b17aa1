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

// commandTimeout is the deadline of every command that does not block. It applies
// in addition to the caller's context.
const commandTimeout = 5 * time.Second

// minMajor is the oldest major version of Redis that is supported.
const minMajor = 7

// Options say which server to connect to.
type Options struct {
	// URL is redis://[user:password@]host:port[/db], rediss:// for TLS, or unix://
	// with the path of a socket. One node of a Cluster is enough to find the
	// others. With ?master_set=name the hosts are Sentinels. See
	// engine/ops/README.md.
	URL string
	// Logger receives one line when the connection is established, and one before
	// it when the server is still loading its data. Required.
	Logger *slog.Logger
	// Patience is how long Open waits for a server that is loading its data;
	// default 1 min.
	Patience time.Duration
}

// Client is a connection to one Redis server, or to the nodes of a Redis Cluster.
// It reconnects by itself: a command fails while its server is away and works again
// when the server is back. Any number of goroutines may use it.
type Client struct {
	commands   // on the connection that all goroutines share
	rdb        rueidis.Client
	connFinder *connFinder // of rdb
	nodes      *cluster    // nil for a single server; rdb is one of its nodes
	log        *slog.Logger
	db         int        // number of the database
	quitting   sync.Mutex // held during leaveReplica
}

// Open connects. It fails when the server cannot be reached, refuses the login, or
// is older than Redis 7.0. The error names REDIS_URL but never contains it. The
// caller calls Close.
func Open(ctx context.Context, o Options) (*Client, error) {
	if err := CheckURL(o.URL); err != nil {
		return nil, err
	}
	opt, err := clientOptions(o.URL)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("connect to Redis: %w", err)
	}
	var errs []error
	for _, addr := range opt.InitAddress {
		c := &Client{log: o.Logger, db: opt.SelectDB}
		c.run = c.doShared
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

// connect connects to one address and returns the name and version of its server.
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
		return "", errors.New("the server is a Sentinel: give the name of its master as parameter master_set")
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

// Close closes all connections. Commands in flight fail. Callers close their
// Readers before it.
func (c *Client) Close() {
	if c.nodes != nil {
		c.nodes.closeAll()
	} else if c.rdb != nil {
		c.rdb.Close()
	}
}

// doer runs a command: a client, a Reader's connection, or a route to the owner of
// a slot.
type doer interface {
	B() rueidis.Builder
	Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult
}

// target returns where the commands on a key go.
func (c *Client) target(key string) doer {
	if c.nodes == nil {
		return c.rdb
	}
	return route{c.nodes, slotOf(key)}
}

// doShared runs one command that does not block, on the shared connection.
func (c *Client) doShared(ctx context.Context, what string, to onKey, args ...string) (rueidis.RedisMessage, error) {
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	target := c.target(to.key)
	m, err := target.Do(limited, target.B().Arbitrary(args...).Build()).ToMessage()
	if err != nil && !rueidis.IsRedisNil(err) {
		c.leaveReplica(ctx, err)
		return m, wrapError(ctx, commandTimeout, what, err)
	}
	return m, nil
}

// leaveReplica closes the shared connection if err says that its server has become
// a replica. The name in REDIS_URL may already resolve to the new master, but it is
// resolved only for a new connection, and the old server keeps this one open.
func (c *Client) leaveReplica(ctx context.Context, err error) {
	if !isReadOnly(err) || c.nodes != nil || !c.quitting.TryLock() { // one QUIT serves all commands that failed
		return
	}
	defer c.quitting.Unlock()
	limited, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	_ = c.rdb.Do(limited, c.rdb.B().Arbitrary("QUIT").Build()).Error() // only the close by the server matters
}

// Ping sends PING to the server; on a Cluster, to each node that owns one of the
// keys.
func (c *Client) Ping(ctx context.Context, keys ...string) error {
	if c.nodes == nil {
		_, err := c.run(ctx, "ping Redis", onKey{}, "PING")
		return err
	}
	var errs []error
	pinged := map[string]bool{}
	for _, key := range keys {
		addr := c.nodes.ownerAddr(slotOf(key))
		if pinged[addr] {
			continue
		}
		pinged[addr] = true
		if _, err := c.run(ctx, "ping Redis, the owner of "+key+" at "+addr, onKey{key}, "PING"); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// checkVersion refuses servers that are too old. It returns the name and version of
// the server, and its mode: standalone, sentinel or cluster. HELLO reports all of
// this on every server, the embedded one included, and needs no right that a
// restricted login may lack.
func (c *Client) checkVersion(ctx context.Context) (server, mode string, err error) {
	fields, err := query(ctx, c.run, "ask for the version", "", (*rueidis.RedisMessage).AsMap, "HELLO", "3")
	if replyHas(err, "unknown command") {
		return "", "", errors.New("the server is older than Redis 7.0")
	}
	if err != nil {
		return "", "", err
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

// Time returns the time by the clock of the server that holds the key.
func (c *Client) Time(ctx context.Context, key string) (time.Time, error) {
	parts, err := query(ctx, c.run, "ask for the time", key, parseIntPair, "TIME")
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix(parts[0], parts[1]*1000), nil
}

// messageString returns the string in m, "" when m is not a string.
func messageString(m rueidis.RedisMessage) string {
	s, err := m.ToString()
	if err != nil {
		return ""
	}
	return s
}
