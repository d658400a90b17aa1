package engine_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Tests with processes of the real program, which is built once for all.
func TestFaultProcess(t *testing.T) {
	bin := faultBuild(t)
	for _, tt := range []struct {
		name string
		test func(t *testing.T, bin string)
	}{
		{"refuses to start", faultRefusesToStart},
		{"refuses the environment", faultRefusesEnvironment},
		{"second instance", faultSecondInstance},
		{"suspended instance", faultSuspendedInstance},
		{"killed under load", faultKilledUnderLoad},
		{"second signal", faultSecondSignal},
		{"dead letters", faultDeadLetters},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, bin) })
	}
}

// faultBuild builds cmd/pitwall for one test.
func faultBuild(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "pitwall")
	if out, err := exec.Command("go", "build", "-o", bin, "pitwall/cmd/pitwall").CombinedOutput(); err != nil {
		t.Fatalf("build cmd/pitwall: %v\n%s", err, out)
	}
	return bin
}

// faultProcess is a process of Pitwall.
type faultProcess struct {
	faultAddrs
	t     *testing.T
	cmd   *exec.Cmd
	log   *faultLog     // what it logs, as JSON on standard error
	ready chan struct{} // closed when it logs that it is
	done  chan struct{} // closed when it has ended and all of its output is read

	mu  sync.Mutex
	raw bytes.Buffer // standard error as it is
}

// faultRun starts the program with nothing in its environment. It is killed
// with the test, and with the test binary.
func faultRun(t *testing.T, bin string, args ...string) *faultProcess {
	t.Helper()
	return faultRunIn(t, bin, nil, args...)
}

// faultRunIn is faultRun with settings in the environment.
func faultRunIn(t *testing.T, bin string, env []string, args ...string) *faultProcess {
	t.Helper()
	p := &faultProcess{t: t, cmd: exec.Command(bin, args...), log: new(faultLog),
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
func (p *faultProcess) line(text []byte) {
	p.mu.Lock()
	p.raw.Write(text)
	p.raw.WriteByte('\n')
	p.mu.Unlock()
	var record map[string]any
	if json.Unmarshal(text, &record) != nil {
		return // not of the log
	}
	line := faultLine{attrs: map[string]string{}}
	for name, value := range record {
		switch v, _ := value.(string); name {
		case "msg":
			line.msg = v
		case "level":
			_ = line.level.UnmarshalText([]byte(v))
		default:
			line.attrs[name] = v
		}
	}
	p.log.add(line)
	if line.msg == "ready" {
		p.faultAddrs = faultAddrs{http: line.attrs["http"], ops: line.attrs["ops"]}
		close(p.ready)
	}
}

// output is what it wrote to standard error.
func (p *faultProcess) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.raw.String()
}

// process starts pitwall serve for the site and waits until it is ready.
func (s *faultSite) process(bin string, more ...string) *faultProcess {
	s.t.Helper()
	p := faultRun(s.t, bin, append([]string{"serve", "--log-format=json"}, s.flags(more...)...)...)
	limit := time.NewTimer(faultPatience)
	defer limit.Stop()
	select {
	case <-p.ready:
	case <-p.done:
		s.t.Fatalf("the process ended with %v:\n%s", p.cmd.ProcessState, p.output())
	case <-limit.C:
		s.t.Fatalf("the process is not ready:\n%s", p.output())
	}
	return p
}

// signal sends it a signal.
func (p *faultProcess) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatalf("send %v: %v", sig, err)
	}
}

// kill ends it at once and waits until it is gone. It may have ended before.
func (p *faultProcess) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// wait waits for its end and returns its exit code.
func (p *faultProcess) wait(within time.Duration) int {
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

// faultErrors are the lines of level ERROR.
func faultErrors(l *faultLog) []faultLine {
	var found []faultLine
	for _, line := range l.find("") {
		if line.level >= slog.LevelError {
			found = append(found, line)
		}
	}
	return found
}

// faultJoin shows lines of a log.
func faultJoin(lines []faultLine, attr string) string {
	var list []string
	for _, line := range lines {
		list = append(list, line.attrs[attr])
	}
	return strings.Join(list, ", ")
}
