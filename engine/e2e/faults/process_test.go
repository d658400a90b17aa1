package faults

import (
	"strings"
	"syscall"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/servers"
)

// These tests run processes of the real program, which is built once.
func TestProcess(t *testing.T) {
	bin := e2etest.Build(t, "cmd/pitwall")
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
		{"lame duck", lameDuck},
		{"dead letters", deadLetters},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // they wait for most of their time
			tt.test(t, bin)
		})
	}
}

// process is a process of Pitwall.
type process struct {
	e2etest.Addrs // set once it is ready
	t             testing.TB
	proc          *servers.Process
}

// runProgram starts the program with nothing in its environment but env. It is killed
// with the test, and with the test binary.
func runProgram(t testing.TB, bin string, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, proc: e2etest.StartProgram(t, env, bin, args...)}
	t.Cleanup(p.kill)
	return p
}

// output is all that it wrote.
func (p *process) output() string { return p.proc.Output() }

// log returns the records that it has logged.
func (p *process) log() e2etest.Lines { return e2etest.ParseLog(p.output()) }

// process starts pitwall serve on the stack and waits until it is ready.
func (s *stack) process(bin string, more ...string) *process {
	s.T.Helper()
	p := runProgram(s.T, bin, nil, append([]string{"serve"}, s.Flags(more...)...)...)
	err := p.proc.WaitReady(e2etest.Patience, func() bool {
		for _, line := range p.log().Find("ready") {
			if line.Message == "ready" {
				p.Addrs = e2etest.Addrs{HTTP: line.Attrs["http"], Ops: line.Attrs["ops"]}
			}
		}
		return p.Ops != ""
	})
	if err != nil {
		s.T.Fatal(err)
	}
	return p
}

// signal sends it a signal.
func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.proc.Signal(sig); err != nil {
		p.t.Fatalf("send %v: %v", sig, err)
	}
}

// kill ends the process at once, if it still runs, and waits until it is gone.
func (p *process) kill() {
	p.t.Helper()
	if err := p.proc.End(syscall.SIGKILL); err != nil {
		p.t.Error(err)
	}
}

// wait waits for the end of the process and returns its exit code.
func (p *process) wait() int {
	p.t.Helper()
	code, ended := p.proc.Wait(e2etest.Patience)
	if !ended {
		p.t.Fatalf("the process has not ended within %v:\n%s", e2etest.Patience, p.output())
	}
	return code
}

// joinAttrs returns an attribute of each line.
func joinAttrs(lines e2etest.Lines, attr string) string {
	var list []string
	for _, line := range lines {
		list = append(list, line.Attrs[attr])
	}
	return strings.Join(list, ", ")
}
