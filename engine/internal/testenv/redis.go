package testenv

import (
	"sync"
	"syscall"
	"testing"

	"pitwall/engine/e2e/servers"
)

// RedisOption changes how Redis starts its server.
type RedisOption func(*RedisServer)

// AOF makes the server write each change to disk before it answers (appendonly yes,
// appendfsync always), so that its data survives Stop and Kill. Without it a restarted
// server is empty.
func AOF() RedisOption {
	return Args("--appendonly", "yes", "--appendfsync", "always")
}

// Args adds arguments to the command line of redis-server.
func Args(args ...string) RedisOption {
	return func(s *RedisServer) { s.args = append(s.args, args...) }
}

// RedisConn is a connection that does not use Pitwall's client.
type RedisConn = servers.Conn

// DialRedis connects to any server at host:port, the embedded one included. The
// caller closes the connection.
func DialRedis(addr string) (*RedisConn, error) { return servers.Dial(addr) }

// RedisServer is a redis-server process. Its methods fail the test that started it; any
// goroutine of the test may call them.
type RedisServer struct {
	t      testing.TB
	args   []string
	server *servers.Redis

	mu   sync.Mutex    // guards conn
	conn *servers.Conn // of Do; nil until used and after a failure
}

// Redis starts a redis-server on a free port of 127.0.0.1, with its data in a
// temporary folder and no persistence unless AOF is given. It is stopped
// when the test ends.
func Redis(t testing.TB, options ...RedisOption) *RedisServer {
	t.Helper()
	s := &RedisServer{t: t}
	for _, o := range options {
		o(s)
	}
	var err error
	if s.server, err = servers.StartRedis(t.TempDir(), s.args...); err != nil {
		t.Fatalf("redis: %v", err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Addr returns host:port.
func (s *RedisServer) Addr() string { return s.server.Addr() }

// URL returns the server's REDIS_URL.
func (s *RedisServer) URL() string { return s.server.URL() }

// Start starts the server again after Stop or Kill, on the same port and with
// the same folder, and returns when it answers. It does nothing while the
// server runs.
func (s *RedisServer) Start() {
	s.t.Helper()
	if err := startAgain(servers.ReadyWithin, s.server.Start); err != nil {
		s.t.Fatalf("start redis again: %v", err)
	}
}

// Stop ends the server cleanly (SIGTERM) and waits until it is gone.
func (s *RedisServer) Stop() { s.end(syscall.SIGTERM) }

// Kill ends the server at once (SIGKILL), as a crash would.
func (s *RedisServer) Kill() { s.end(syscall.SIGKILL) }

func (s *RedisServer) end(sig syscall.Signal) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropConn()
	if err := s.server.End(sig); err != nil {
		s.t.Errorf("stop redis: %v", err)
	}
}

// CutClients closes the connections of all clients, blocked ones and subscribers
// included, and returns how many there were. Proxy can cut one in the middle of a
// reply.
func (s *RedisServer) CutClients() int {
	s.t.Helper()
	n := 0
	for _, kind := range []string{"normal", "pubsub"} {
		cut, _ := s.Do("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes").(int64)
		n += int(cut)
	}
	return n
}

// Do sends one command on a connection of the test and returns the reply: a string, an
// int64, nil, or a []any of these. It fails the test when the server answers with an
// error or not at all.
func (s *RedisServer) Do(args ...string) any {
	s.t.Helper()
	reply, err := s.Try(args...)
	if err != nil {
		s.t.Fatalf("redis %q: %v", args, err)
	}
	return reply
}

// Try is Do for commands that may fail: it returns the error reply of the server, or
// the error of the connection.
func (s *RedisServer) Try(args ...string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		c, err := servers.Dial(s.Addr())
		if err != nil {
			return nil, err
		}
		s.conn = c
	}
	reply, err := s.conn.Do(args...)
	if _, answered := err.(servers.ReplyError); err != nil && !answered {
		s.dropConn()
	}
	return reply, err
}

// dropConn closes the connection of Do. s.mu is held.
func (s *RedisServer) dropConn() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}
