package testenv

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childEnv tells the test binary that it is the child of one of its tests.
const childEnv = "PITWALL_TESTENV_CHILD"

func TestKilledBinaryTakesItsServersWithIt(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		beTheChild(t)
	}
	// Not t.TempDir, which PostgreSQL's user may not enter.
	tmp, err := os.MkdirTemp("", "testenv-child-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), childEnv+"=1", "TMPDIR="+tmp)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()

	var pids []int
	var said []string
	for lines := bufio.NewScanner(out); len(pids) < 2 && lines.Scan(); {
		said = append(said, lines.Text())
		if pid, err := strconv.Atoi(strings.TrimPrefix(lines.Text(), "pid ")); err == nil {
			pids = append(pids, pid)
		}
	}
	if len(pids) < 2 {
		t.Fatalf("the child did not start its servers:\n%s", strings.Join(said, "\n"))
	}
	for _, pid := range pids {
		if !alive(pid) {
			t.Fatalf("server %d does not run", pid)
		}
	}
	cmd.Process.Kill()
	Eventually(t, 20*time.Second, "the servers to end with their test binary", func() bool {
		return !alive(pids[0]) && !alive(pids[1])
	})
}

// beTheChild starts both servers, says so and waits to be killed.
func beTheChild(t *testing.T) {
	r, p := Redis(t), Postgres(t)
	os.Stdout.WriteString("pid " + strconv.Itoa(r.proc.cmd.Process.Pid) + "\n")
	os.Stdout.WriteString("pid " + strconv.Itoa(p.c.proc.cmd.Process.Pid) + "\n")
	select {}
}

// alive reports whether a process runs; a zombie, which nobody has reaped
// yet, does not.
func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

func TestProcessThatCannotStart(t *testing.T) {
	dir := t.TempDir()
	if _, err := startProcess(exec.Command(filepath.Join(dir, "absent")), filepath.Join(dir, "log"), syscall.SIGKILL); err == nil {
		t.Error("a missing program started")
	}
	p, err := startProcess(exec.Command("sh", "-c", "echo no such luck; exit 3"), filepath.Join(dir, "log"), syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	err = p.waitReady(10*time.Second, func() bool { return false })
	if err == nil || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("error %v, want one with the program's output", err)
	}
	if err := p.end(syscall.SIGTERM); err != nil {
		t.Errorf("end of a process that is gone: %v", err)
	}
}

func TestOnFreePort(t *testing.T) {
	taken := errors.New("bind: Address already in use")
	other := errors.New("disk full")
	tests := []struct {
		name  string
		errs  []error
		want  error
		calls int
	}{
		{"first port is good", []error{nil}, nil, 1},
		{"third port is good", []error{taken, taken, nil}, nil, 3},
		{"another error is final", []error{taken, other}, other, 2},
		{"never a good one", []error{taken, taken, taken, taken, taken, taken, taken, taken, nil}, taken, startTries},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			calls := 0
			err := onFreePort(func(port int) error {
				if port < portFirst || port >= portLast {
					t.Errorf("port %d", port)
				}
				calls++
				return tt.errs[calls-1]
			})
			if err != tt.want || calls != tt.calls {
				t.Errorf("got %v after %d calls, want %v after %d", err, calls, tt.want, tt.calls)
			}
		})
	}
}

func TestPoll(t *testing.T) {
	n := 0
	if !poll(time.Minute, func() bool { n++; return n == 3 }) || n != 3 {
		t.Errorf("a condition true at the third look: %d looks", n)
	}
	if poll(5*time.Millisecond, func() bool { return false }) {
		t.Error("a condition that is never true became true")
	}
}
