package servers

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// ReadyWithin bounds every wait for a server: its start, recovery included, the
// answer to a command, and its end. It is long enough for a busy machine.
const ReadyWithin = time.Minute

// server is a program on a port of 127.0.0.1 that can be ended and started again
// there. Its methods may be called from any goroutine.
type server struct {
	port int

	mu   sync.Mutex // guards proc
	proc *Process
}

// run starts the program, unless it runs, and returns when ready reports that the
// process with this id serves. The log is a new file in dir each time, so that
// PortTaken reads no old one. The kernel sends onDeath when the owner dies.
func (s *server) run(cmd *exec.Cmd, dir string, onDeath syscall.Signal, ready func(pid int) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc.Running() {
		return nil
	}
	p, err := StartProcess(cmd, filepath.Join(dir, fmt.Sprintf("log-%d", time.Now().UnixNano())), onDeath)
	if err != nil {
		return err
	}
	s.proc = p
	return p.WaitReady(ReadyWithin, func() bool { return ready(p.PID()) })
}

// Addr is the host and port of the server.
func (s *server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// PID is the process id of the server, 0 before it was started.
func (s *server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc.PID()
}

// End sends sig and waits until the server is gone. It does nothing when the
// server does not run.
func (s *server) End(sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc.End(sig)
}
