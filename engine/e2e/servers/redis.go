package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// Redis is a redis-server of its own.
type Redis struct {
	server
	dir  string
	args []string
	// bus is the port of a Cluster's bus, 0 where there is none. sentinel is the
	// configuration of a Sentinel, "" for a server that keeps data.
	bus      int
	sentinel string
}

// StartRedis starts a redis-server on a free port, with dir as its folder and
// no persistence unless args ask for it. The caller ends it.
func StartRedis(dir string, args ...string) (*Redis, error) {
	return startRedis(&Redis{dir: dir, args: args}, false)
}

// startRedis starts s on a free port. The node of a Cluster gets a second port, for
// the bus.
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

// URL returns the server's REDIS_URL.
func (s *Redis) URL() string { return "redis://" + s.Addr() }

// Start starts the server, if it does not run, on the same port and with the
// same folder, and returns when it answers.
func (s *Redis) Start() error {
	args, err := s.commandLine()
	if err != nil {
		return err
	}
	cmd := exec.Command("redis-server", args...)
	cmd.Env = cleanEnv()
	return s.run(cmd, s.dir, syscall.SIGKILL, s.ready)
}

// commandLine returns the arguments of redis-server. A Sentinel needs a file that
// it may write to.
func (s *Redis) commandLine() ([]string, error) {
	if s.sentinel != "" {
		path := filepath.Join(s.dir, "sentinel.conf")
		if _, err := os.Stat(path); err == nil {
			return []string{path, "--sentinel"}, nil // goes on with what it wrote last
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

// ready reports whether the server has loaded its data (PING fails before), and
// is the process that was started: a foreign server on the port has another id.
func (s *Redis) ready(pid int) bool {
	c, err := Dial(s.Addr())
	if err != nil {
		return false
	}
	defer c.Close()
	if _, err := c.Do("PING"); err != nil {
		return false
	}
	info, err := c.Do("INFO", "server")
	return err == nil && InfoField(info, "process_id") == strconv.Itoa(pid)
}
