package embedded

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"

	"pitwall/engine/internal/redis"
)

// DefaultRedisAddr is where StartRedis listens when no address is given.
const DefaultRedisAddr = "127.0.0.1:6390"

// MaxStreamLen is how many entries a stream of the embedded Redis holds; the oldest
// are trimmed.
const MaxStreamLen = 50_000

// MaxStreamBytes is how many bytes of ids, names and values a stream holds, plus 16
// for each of these strings; the oldest entries are trimmed. MaxEntryBytes bounds one
// entry, at four times the largest payload of contract 1, and a dead letter at twice
// that. A larger entry is refused.
const (
	MaxStreamBytes = 64 << 20
	MaxEntryBytes  = 64 << 10

	stringBytes = 16 // counted for each string, in addition to its length
)

// Redis is a Redis protocol server inside this process. Its methods may be
// called from any goroutine.
type Redis struct {
	server    *miniredis.Miniredis
	listener  net.Listener
	password  string
	accept    sync.WaitGroup // the accept loop
	closeOnce sync.Once
	closing   chan struct{} // closed by Close
}

// RedisOptions say where the embedded Redis listens and what password it requires.
type RedisOptions struct {
	Addr     string // host:port, port 0 for a free one, "" for DefaultRedisAddr
	Password string // required of every client, "" for none
}

// StartRedis starts the embedded Redis. The caller closes it, and has to make sure that
// the address is safe: without a password everyone who can reach it may read and write
// everything. An error names the setting EMBEDDED_REDIS_ADDR.
func StartRedis(o RedisOptions) (*Redis, error) {
	if o.Addr == "" {
		o.Addr = DefaultRedisAddr
	}
	listener, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("start the embedded Redis (EMBEDDED_REDIS_ADDR): %w", err)
	}
	server, err := startServer(newAuthorizer(redis.Scripts(), o.Password))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the embedded Redis: %w", err), listener.Close())
	}
	r := &Redis{server: server, listener: listener, password: o.Password, closing: make(chan struct{})}
	r.accept.Go(r.serve)
	return r, nil
}

// startServer starts a miniredis without a listener of its own. serve passes it
// guarded connections.
func startServer(g *authorizer) (*miniredis.Miniredis, error) {
	server := miniredis.NewMiniRedis()
	conn, err := server.Dial() // starts it, without a listener
	if err != nil {
		return nil, err
	}
	if err := conn.Close(); err != nil {
		server.Close()
		return nil, err
	}
	// Keys expire by the clock, as on a real server. By default miniredis
	// leaves that to tests.
	server.ClockTTL(true)
	server.Server().SetPreHook(newCommandFilter(server.Server(), g, MaxStreamLen, MaxStreamBytes).apply)
	return server, nil
}

// serve accepts connections until the listener is closed. Accept may also fail for
// lack of file descriptors, so other errors are retried.
func (r *Redis) serve() {
	for {
		conn, err := r.listener.Accept()
		switch {
		case err == nil:
			r.server.Server().ServeConn(&guardedConn{Conn: conn})
		case errors.Is(err, net.ErrClosed):
			return
		default:
			select {
			case <-time.After(50 * time.Millisecond):
			case <-r.closing:
			}
		}
	}
}

// Addr returns the address that it listens on, host:port.
func (r *Redis) Addr() string { return r.listener.Addr().String() }

// URL returns the REDIS_URL of this server, with its password.
func (r *Redis) URL() string { return RedisURL(r.Addr(), r.password) }

// RedisURL returns the REDIS_URL of an embedded Redis at addr, in this process or
// another.
func RedisURL(addr, password string) string {
	u := url.URL{Scheme: "redis", Host: addr}
	if password != "" {
		u.User = url.UserPassword("", password)
	}
	return u.String()
}

// Close stops the server, closes its connections and waits until all its goroutines
// have ended. Its data is lost. Further calls do nothing.
func (r *Redis) Close() error {
	var err error
	r.closeOnce.Do(func() {
		close(r.closing)
		err = r.listener.Close()
		r.accept.Wait() // no connection reaches the server after this
		r.server.Close()
	})
	if err != nil {
		return fmt.Errorf("close the embedded Redis: %w", err)
	}
	return nil
}
