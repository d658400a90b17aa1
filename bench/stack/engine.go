package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"pitwall/bench/internal/process"
	"pitwall/engine/e2e/servers"
)

// Engine is a process of Pitwall, or of another server in its place.
type Engine struct {
	Addr string // host:port of the public listener
	Path string // of the upgrade
	Ops  string // host:port of the private listener, "" if it is not known
	PID  int    // 0 if it is not on this machine

	proc *servers.Process
}

// Add starts another process of Pitwall with more flags. Processes that are started
// later get these flags too. It is for flags that are known only once Redis runs,
// such as the address of a proxy.
func (s *Stack) Add(ctx context.Context, args ...string) (*Engine, error) {
	s.opt.Args = append(slices.Clip(s.opt.Args), args...)
	e, err := s.startEngine(ctx, len(s.Engines))
	if err != nil {
		return nil, err
	}
	s.Engines = append(s.Engines, e)
	return e, nil
}

// Restart stops a process of Pitwall with a signal and starts it again, at another
// address. Meanwhile other goroutines must not read Engines.
func (s *Stack) Restart(ctx context.Context, i int, how syscall.Signal) (*Engine, error) {
	if err := s.Engines[i].proc.End(how); err != nil {
		return nil, err
	}
	e, err := s.startEngine(ctx, i)
	if err != nil {
		return nil, err
	}
	s.Engines[i] = e
	return e, nil
}

func (s *Stack) startEngine(ctx context.Context, i int) (*Engine, error) {
	args := s.engineArgs(i)
	cmd := exec.Command(s.binary, args...)
	cmd.Env, cmd.Dir = []string{"PATH=" + os.Getenv("PATH")}, s.Dir
	if s.baseline() {
		cmd.Env = append(cmd.Env, process.Env(process.Server))
	}
	s.starts++ // each start has its own log, so that an old address is never read
	log := filepath.Join(s.Dir, fmt.Sprintf("pitwall-%d-%d.log", i, s.starts))
	proc, err := servers.StartProcess(cmd, log, syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	e := &Engine{Path: "/live", PID: proc.PID(), proc: proc}
	err = proc.WaitReady(readyWithin, func() bool { return ctx.Err() != nil || e.readAddrs(log) })
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, errors.Join(err, proc.End(syscall.SIGKILL))
	}
	return e, nil
}

func (s *Stack) engineArgs(i int) []string {
	if s.opt.Peer != "" {
		return append(slices.Clip(s.opt.PeerArgs), "--redis-url="+s.RedisURL)
	}
	args := append([]string{"serve", "--redis-url=" + s.RedisURL, "--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0",
		"--log-format=json", "--live-drain-ms=100"}, s.database()...)
	if !s.opt.Archive || i > 0 { // one process archives, which is the same work for any number of spectators
		args = append(args, "--no-archive")
	}
	return append(args, s.opt.Args...)
}

// readAddrs looks for the log line that says where the engine listens.
func (e *Engine) readAddrs(log string) bool {
	b, _ := os.ReadFile(log)
	for line := range bytes.Lines(b) {
		var l struct{ Msg, HTTP, Ops string }
		if json.Unmarshal(line, &l) == nil && l.Msg == "ready" {
			e.Addr, e.Ops = l.HTTP, l.Ops
			return true
		}
	}
	return false
}
