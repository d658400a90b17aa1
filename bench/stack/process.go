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

	"pitwall/engine/servers"
)

// Engine is one process of Pitwall.
type Engine struct {
	Addr string // host:port of the spectators' listener
	Path string // of the upgrade
	Ops  string // host:port of the private listener, "" when it is not known
	PID  int    // 0 when it is not on this machine

	proc *servers.Process
}

// Add starts one more process of Pitwall with further flags, which all that are
// started later have as well. It is for what has to be known before, as the
// address of something between Pitwall and Redis.
func (s *Site) Add(ctx context.Context, args ...string) (*Engine, error) {
	s.opt.Args = append(slices.Clip(s.opt.Args), args...)
	e, err := s.startEngine(ctx, len(s.Engines))
	if err != nil {
		return nil, err
	}
	s.Engines = append(s.Engines, e)
	return e, nil
}

// Restart ends a process of Pitwall with a signal and starts it again, at
// another address. It may be called by one goroutine while others use what they
// have read of the Site before, but nothing of Engines.
func (s *Site) Restart(ctx context.Context, i int, how syscall.Signal) (*Engine, error) {
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

func (s *Site) startEngine(ctx context.Context, i int) (*Engine, error) {
	args := s.engineArgs(i)
	cmd := exec.Command(s.bin, args...)
	cmd.Env, cmd.Dir = []string{"PATH=" + os.Getenv("PATH")}, s.Dir
	s.starts++ // each start has a log of its own, or an old address would be read
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

func (s *Site) engineArgs(i int) []string {
	if s.opt.Peer != "" {
		return append(slices.Clip(s.opt.PeerArgs), "--redis-url="+s.RedisURL)
	}
	args := append([]string{"serve", "--redis-url=" + s.RedisURL, "--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0",
		"--log-format=json", "--live-drain-ms=100"}, s.database()...)
	if !s.opt.Archive || i > 0 { // one process archives: it is the same work for any number of spectators
		args = append(args, "--no-archive")
	}
	return append(args, s.opt.Args...)
}

// readAddrs looks for the line that says where the engine listens.
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
