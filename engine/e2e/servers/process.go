package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// stopWithin is how long a server may take to end after it was asked to,
// before it is killed.
const stopWithin = 20 * time.Second

// Process is a running server. Its output goes to a file, which the error of
// a failed start quotes.
type Process struct {
	cmd     *exec.Cmd
	logPath string
	done    chan struct{} // closed once the process has ended and was reaped
}

// StartProcess starts cmd with its output appended to logPath. The kernel
// sends onDeath to the process when the thread that created it ends, hence
// the goroutine that locks its thread and stays for as long as the process
// lives: the signal then means that the whole owner is gone.
func StartProcess(cmd *exec.Cmd, logPath string, onDeath syscall.Signal) (*Process, error) {
	out, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open server log: %w", err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true // Ctrl-C is for the owner, who ends its servers in order
	endWithParent(cmd.SysProcAttr, onDeath)
	p := &Process{cmd: cmd, logPath: logPath, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		out.Close()
		started <- err
		if err == nil {
			// The exit status says nothing that callers need: they ask
			// whether the process runs, and read the log when it does not.
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		<-p.done
		return nil, fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	return p, nil
}

// Running reports whether the process has not ended yet. False for nil.
func (p *Process) Running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// PID is the process id, 0 for nil.
func (p *Process) PID() int {
	if p == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// End sends sig and waits until the process is gone. A process that does not
// go within stopWithin is killed, and the error says so.
func (p *Process) End(sig syscall.Signal) error {
	if !p.Running() {
		return nil
	}
	// An error means that it ended in between; done tells.
	_ = p.cmd.Process.Signal(sig)
	late := time.NewTimer(stopWithin)
	defer late.Stop()
	select {
	case <-p.done:
		return nil
	case <-late.C:
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	return fmt.Errorf("%s ignored %v for %s and was killed; its log ends:\n%s",
		filepath.Base(p.cmd.Path), sig, stopWithin, p.logTail())
}

// WaitReady polls ready until it returns true. The error carries the end of
// the server's log.
func (p *Process) WaitReady(within time.Duration, ready func() bool) error {
	ok := Poll(within, func() bool { return !p.Running() || ready() })
	if ok && p.Running() {
		return nil
	}
	reason := "did not answer within " + within.String()
	if !p.Running() {
		reason = "ended while starting"
	}
	return fmt.Errorf("%s %s; its log ends:\n%s", filepath.Base(p.cmd.Path), reason, p.logTail())
}

// logTail returns the last lines of the server's log.
func (p *Process) logTail() string {
	data, err := os.ReadFile(p.logPath)
	if err != nil {
		return "(no log: " + err.Error() + ")"
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if keep := 15; len(lines) > keep {
		lines = lines[len(lines)-keep:]
	}
	return strings.Join(lines, "\n")
}

// cleanEnv is the environment of the servers: nothing of the developer's own
// settings (PGHOST, LC_ALL, ...) may change what it does.
func cleanEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LANG=C", "LC_ALL=C", "TZ=UTC"}
}
