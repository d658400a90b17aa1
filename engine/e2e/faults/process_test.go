package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"pitwall/engine/e2e/e2etest"
)

// These tests run processes of the real program, which is built once.
func TestProcess(t *testing.T) {
	bin := buildProgram(t)
	for _, tt := range []struct {
		name string
		test func(t *testing.T, bin string)
	}{
		{"refuses to start", refusesToStart},
		{"refuses the environment", refusesEnvironment},
		{"second instance", secondInstance},
		{"suspended instance", suspendedInstance},
		{"killed under load", killedUnderLoad},
		{"second signal", secondSignal},
		{"dead letters", deadLetters},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, bin) })
	}
}

// buildProgram builds cmd/pitwall for one test.
func buildProgram(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "pitwall")
	if out, err := exec.Command("go", "build", "-o", bin, "pitwall/cmd/pitwall").CombinedOutput(); err != nil {
		t.Fatalf("build cmd/pitwall: %v\n%s", err, out)
	}
	return bin
}

// process is a process of Pitwall.
type process struct {
	e2etest.Addrs // set once it is ready
	t             testing.TB
	cmd           *exec.Cmd
	Log           *e2etest.Log  // standard error: its text, and the records that it logs as JSON
	ready         chan struct{} // closed when it logs that it is
	done          chan struct{} // closed when it has ended and all of its output is read
}

// runProgram starts the program with nothing in its environment. It is killed
// with the test, and with the test binary.
func runProgram(t testing.TB, bin string, args ...string) *process {
	t.Helper()
	return runProgramIn(t, bin, nil, args...)
}

// runProgramIn is runProgram with settings in the environment.
func runProgramIn(t testing.TB, bin string, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(bin, args...), Log: new(e2etest.Log),
		ready: make(chan struct{}), done: make(chan struct{})}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Dir = t.TempDir()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan error, 1)
	go func() { // the death of the thread that starts it counts as the parent's
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.line(lines.Bytes())
		}
		_ = p.cmd.Wait() // how it ended is in ProcessState
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

// line takes one line of standard error.
func (p *process) line(text []byte) {
	fmt.Fprintf(p.Log, "%s\n", text)
	var record map[string]any
	if json.Unmarshal(text, &record) != nil {
		return // not of the log
	}
	line := e2etest.Line{Attrs: map[string]string{}}
	for name, value := range record {
		switch v, _ := value.(string); name {
		case "msg":
			line.Message = v
		case "level":
			_ = line.Level.UnmarshalText([]byte(v))
		default:
			line.Attrs[name] = v
		}
	}
	p.Log.Add(line)
	if line.Message == "ready" {
		p.Addrs = e2etest.Addrs{HTTP: line.Attrs["http"], Ops: line.Attrs["ops"]}
		close(p.ready)
	}
}

// output is what it wrote to standard error.
func (p *process) output() string { return p.Log.String() }

// process starts pitwall serve on the stack and waits until it is ready.
func (s *stack) process(bin string, more ...string) *process {
	s.T.Helper()
	p := runProgram(s.T, bin, append([]string{"serve", "--log-format=json"}, s.Flags(more...)...)...)
	limit := time.NewTimer(e2etest.Patience)
	defer limit.Stop()
	select {
	case <-p.ready:
	case <-p.done:
		s.T.Fatalf("the process ended with %v:\n%s", p.cmd.ProcessState, p.output())
	case <-limit.C:
		s.T.Fatalf("the process is not ready:\n%s", p.output())
	}
	return p
}

// signal sends it a signal.
func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatalf("send %v: %v", sig, err)
	}
}

// kill ends the process at once and waits until it is gone. The process may
// have ended before.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// wait waits for the end of the process and returns its exit code.
func (p *process) wait(within time.Duration) int {
	p.t.Helper()
	limit := time.NewTimer(within)
	defer limit.Stop()
	select {
	case <-p.done:
	case <-limit.C:
		p.t.Fatalf("the process has not ended within %v:\n%s", within, p.output())
	}
	return p.cmd.ProcessState.ExitCode()
}

// joinAttrs returns an attribute of each line.
func joinAttrs(lines []e2etest.Line, attr string) string {
	var list []string
	for _, line := range lines {
		list = append(list, line.Attrs[attr])
	}
	return strings.Join(list, ", ")
}
