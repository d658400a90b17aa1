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

// Process is a running program. Its output goes to a file. Its methods may be called
// from any goroutine.
type Process struct {
	cmd     *exec.Cmd
	logPath string
	done    chan struct{} // closed once the process has ended and was reaped
}

// StartProcess starts cmd with its output appended to logPath. The kernel sends onDeath
// to the process when the thread that started it ends. So a goroutine that is locked to
// its thread starts the process and waits for it. The thread then ends before the process
// only if the whole program ends.
func StartProcess(cmd *exec.Cmd, logPath string, onDeath syscall.Signal) (*Process, error) {
	out, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open server log: %w", err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true // Ctrl-C is for the owner, which ends its servers in order
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
			_ = cmd.Wait() // how it has ended is in cmd.ProcessState
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

// Signal sends sig and does not wait.
func (p *Process) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// Wait waits for the end of the process, and returns its exit code: -1 for one that a
// signal has ended. ended is false when it still runs after the time given.
func (p *Process) Wait(within time.Duration) (code int, ended bool) {
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), true
	case <-late.C:
		return 0, false
	}
}

// End sends sig and waits until the process is gone. One that does not go within
// ReadyWithin is killed, and the error says so.
func (p *Process) End(sig syscall.Signal) error {
	if !p.Running() {
		return nil
	}
	_ = p.Signal(sig) // fails for one that has ended since: Wait tells
	if _, ended := p.Wait(ReadyWithin); ended {
		return nil
	}
	_ = p.Signal(syscall.SIGKILL)
	<-p.done
	return fmt.Errorf("%s ignored %v for %s and was killed; its log ends:\n%s",
		filepath.Base(p.cmd.Path), sig, ReadyWithin, p.logTail())
}

// WaitReady waits until ready returns true. The error quotes the end of the output.
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

// Output is what the process has written so far.
func (p *Process) Output() string {
	text, err := os.ReadFile(p.logPath)
	if err != nil {
		return "(no output: " + err.Error() + ")"
	}
	return string(text)
}

// logTail returns the last lines of the output.
func (p *Process) logTail() string {
	lines := strings.Split(strings.TrimSpace(p.Output()), "\n")
	if keep := 15; len(lines) > keep {
		lines = lines[len(lines)-keep:]
	}
	return strings.Join(lines, "\n")
}

// cleanEnv is the environment of the servers. The developer's own settings (PGHOST,
// LC_ALL, ...) must not change what they do.
func cleanEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LANG=C", "LC_ALL=C", "TZ=UTC"}
}
