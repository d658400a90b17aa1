package testenv

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
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
	os.Stdout.WriteString("pid " + strconv.Itoa(r.server.PID()) + "\n")
	os.Stdout.WriteString("pid " + strconv.Itoa(p.c.PID()) + "\n")
	select {}
}

// alive reports whether a process runs; a zombie, which has not been
// reaped yet, does not.
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
