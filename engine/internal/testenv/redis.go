package testenv

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// redisReadyWithin bounds the start of redis-server, loading its data included.
const redisReadyWithin = 20 * time.Second

// RedisOption changes how Redis starts its server.
type RedisOption func(*RedisServer)

// AOF makes the server log every write to disk before it answers
// (appendonly yes, appendfsync always): a restart, also after Kill, keeps
// streams and groups. Without it a restarted server is empty.
func AOF() RedisOption {
	return Args("--appendonly", "yes", "--appendfsync", "always")
}

// Args adds arguments to the command line of redis-server.
func Args(args ...string) RedisOption {
	return func(s *RedisServer) { s.args = append(s.args, args...) }
}

// RedisServer is a redis-server of its own. Its methods fail the test that
// started it, and are called from the test's goroutines.
type RedisServer struct {
	t    testing.TB
	dir  string
	port int
	args []string

	mu   sync.Mutex // guards what follows
	proc *process
	conn *respConn // of Do; nil until used and after a failure
}

// Redis starts a redis-server on a free port of 127.0.0.1, with its data in a
// temporary folder and no persistence unless AOF is given. It is stopped
// when the test ends.
func Redis(t testing.TB, options ...RedisOption) *RedisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("redis-server is not installed: run 'make test', or apt-get install redis-server")
	}
	s := &RedisServer{t: t, dir: t.TempDir()}
	for _, o := range options {
		o(s)
	}
	t.Cleanup(s.Stop)
	err := onFreePort(func(port int) error {
		s.port = port
		return s.start()
	})
	if err != nil {
		t.Fatalf("redis: %v", err)
	}
	return s
}

// Addr returns host:port.
func (s *RedisServer) Addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
}

// URL returns the server's REDIS_URL.
func (s *RedisServer) URL() string { return "redis://" + s.Addr() }

// Start starts the server again after Stop or Kill, on the same port and with
// the same folder, and returns when it answers. It does nothing while the
// server runs.
func (s *RedisServer) Start() {
	s.t.Helper()
	var err error
	// Somebody else's listener may hold the port for a moment.
	poll(redisReadyWithin, func() bool {
		err = s.start()
		return !portTaken(err)
	})
	if err != nil {
		s.t.Fatalf("start redis again: %v", err)
	}
}

func (s *RedisServer) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc.running() {
		return nil
	}
	args := append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--daemonize", "no",
	}, s.args...)
	cmd := exec.Command("redis-server", args...)
	cmd.Env = cleanEnv()
	// Each attempt writes a log of its own, so that portTaken reads no old one.
	log := filepath.Join(s.dir, fmt.Sprintf("redis-%d.log", time.Now().UnixNano()))
	p, err := startProcess(cmd, log, syscall.SIGKILL)
	if err != nil {
		return err
	}
	s.proc = p
	return p.waitReady(redisReadyWithin, s.ready)
}

// ready reports whether the server has loaded its data (PING fails before),
// and is the one that was started: a stranger has another process id.
func (s *RedisServer) ready() bool {
	c, err := dialResp(s.Addr())
	if err != nil {
		return false
	}
	defer c.close()
	if _, err := c.do("PING"); err != nil {
		return false
	}
	reply, err := c.do("INFO", "server")
	text, _ := reply.(string)
	return err == nil && infoField(text, "process_id") == strconv.Itoa(s.proc.cmd.Process.Pid)
}

// Stop ends the server in good order (SIGTERM) and waits until it is gone.
func (s *RedisServer) Stop() { s.end(syscall.SIGTERM) }

// Kill ends the server at once (SIGKILL), as a crash would.
func (s *RedisServer) Kill() { s.end(syscall.SIGKILL) }

func (s *RedisServer) end(sig syscall.Signal) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropConn()
	if s.proc == nil {
		return
	}
	if err := s.proc.end(sig); err != nil {
		s.t.Errorf("stop redis: %v", err)
	}
}

// CutClients closes the connections of all clients, blocked ones and
// subscribers included, and returns how many there were. To cut one in the
// middle of a reply, see Proxy.
func (s *RedisServer) CutClients() int {
	s.t.Helper()
	n := 0
	for _, kind := range []string{"normal", "pubsub"} {
		cut, _ := s.Do("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes").(int64)
		n += int(cut)
	}
	return n
}

// Do sends one command on a connection of its own and returns the reply: a
// string, an int64, nil, or a []any of these. It fails the test when the
// server answers with an error or not at all.
func (s *RedisServer) Do(args ...string) any {
	s.t.Helper()
	reply, err := s.try(args)
	if err != nil {
		s.t.Fatalf("redis %q: %v", args, err)
	}
	return reply
}

// Try is Do for commands that may fail: the error is the server's answer or
// the connection's.
func (s *RedisServer) Try(args ...string) (any, error) { return s.try(args) }

func (s *RedisServer) try(args []string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		c, err := dialResp(s.Addr())
		if err != nil {
			return nil, err
		}
		s.conn = c
	}
	reply, err := s.conn.do(args...)
	if _, answered := err.(respError); err != nil && !answered {
		s.dropConn()
	}
	return reply, err
}

// dropConn closes the connection of Do. s.mu is held.
func (s *RedisServer) dropConn() {
	if s.conn != nil {
		s.conn.close()
		s.conn = nil
	}
}
