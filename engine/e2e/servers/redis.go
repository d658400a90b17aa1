package servers

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// ReadyWithin bounds the start of redis-server, loading its data included.
const ReadyWithin = 20 * time.Second

// Redis is a redis-server of its own.
type Redis struct {
	dir  string
	port int
	args []string
	// bus is the port of a Cluster's bus, 0 where there is none. sentinel is the
	// configuration of a Sentinel, "" for a server that keeps data.
	bus      int
	sentinel string

	mu   sync.Mutex // guards proc
	proc *Process
}

// StartRedis starts a redis-server on a free port, with dir as its folder and
// no persistence unless args ask for it. The caller ends it.
func StartRedis(dir string, args ...string) (*Redis, error) {
	return startRedis(&Redis{dir: dir, args: args}, false)
}

// startRedis starts s on a free port, and with one for a Cluster's bus if it is
// a node.
func startRedis(s *Redis, node bool) (*Redis, error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, errors.New("redis-server is not installed: run 'make test', or apt-get install redis-server")
	}
	err := OnFreePort(func(port int) (err error) {
		s.port = port
		if node {
			if s.bus, err = freePort(); err != nil {
				return err
			}
		}
		return s.Start()
	})
	if err != nil {
		return nil, errors.Join(err, s.End(syscall.SIGKILL))
	}
	return s, nil
}

// Addr returns host:port.
func (s *Redis) Addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
}

// URL returns the server's REDIS_URL.
func (s *Redis) URL() string { return "redis://" + s.Addr() }

// Start starts the server, if it does not run, on the same port and with the
// same folder, and returns when it answers.
func (s *Redis) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc.Running() {
		return nil
	}
	args, err := s.commandLine()
	if err != nil {
		return err
	}
	cmd := exec.Command("redis-server", args...)
	cmd.Env = cleanEnv()
	// Each attempt writes a log of its own, so that PortTaken reads no old one.
	log := filepath.Join(s.dir, fmt.Sprintf("redis-%d.log", time.Now().UnixNano()))
	p, err := StartProcess(cmd, log, syscall.SIGKILL)
	if err != nil {
		return err
	}
	s.proc = p
	return p.WaitReady(ReadyWithin, s.ready)
}

// commandLine are the arguments of redis-server. A Sentinel needs a file that it
// may write to.
func (s *Redis) commandLine() ([]string, error) {
	if s.sentinel != "" {
		path := filepath.Join(s.dir, "sentinel.conf")
		if _, err := os.Stat(path); err == nil {
			return []string{path, "--sentinel"}, nil // what it wrote last
		}
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\n%s", s.port, s.dir, s.sentinel)
		return []string{path, "--sentinel"}, os.WriteFile(path, []byte(text), 0o600)
	}
	args := []string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--daemonize", "no",
	}
	if s.bus != 0 {
		args = append(args, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(s.bus), "--repl-diskless-sync-delay", "0")
	}
	return append(args, s.args...), nil
}

// Do sends one command on a connection of its own.
func (s *Redis) Do(args ...string) (any, error) {
	c, err := Dial(s.Addr())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	reply, err := c.Do(args...)
	if err != nil {
		return nil, fmt.Errorf("redis %q: %w", args, err)
	}
	return reply, nil
}

// ready reports whether the server has loaded its data (PING fails before),
// and is the one that was started: a stranger has another process id.
func (s *Redis) ready() bool {
	c, err := Dial(s.Addr())
	if err != nil {
		return false
	}
	defer c.Close()
	if _, err := c.Do("PING"); err != nil {
		return false
	}
	reply, err := c.Do("INFO", "server")
	text, _ := reply.(string)
	return err == nil && infoField(text, "process_id") == strconv.Itoa(s.proc.PID())
}

// PID is the process id of the server, 0 before it was started.
func (s *Redis) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc.PID()
}

// End sends sig and waits until the server is gone. It does nothing when it
// does not run.
func (s *Redis) End(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc.End(sig)
}
