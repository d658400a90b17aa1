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

// childEnv is set in a test binary that one of its tests has started.
const childEnv = "PITWALL_TESTENV_CHILD"

func TestServersEndWithAKilledTestBinary(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		runChild(t)
	}
	// Not t.TempDir, to which the user of PostgreSQL has no access.
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
	var output []string
	for lines := bufio.NewScanner(out); len(pids) < 2 && lines.Scan(); {
		output = append(output, lines.Text())
		if pid, err := strconv.Atoi(strings.TrimPrefix(lines.Text(), "pid ")); err == nil {
			pids = append(pids, pid)
		}
	}
	if len(pids) < 2 {
		t.Fatalf("the child did not start its servers:\n%s", strings.Join(output, "\n"))
	}
	for _, pid := range pids {
		if !alive(pid) {
			t.Fatalf("server %d is not running", pid)
		}
	}
	cmd.Process.Kill()
	Eventually(t, 20*time.Second, "the servers to end with their test binary", func() bool {
		return !alive(pids[0]) && !alive(pids[1])
	})
}

// runChild starts both servers, prints their process ids, and waits to be killed.
func runChild(t *testing.T) {
	r, p := Redis(t), Postgres(t)
	os.Stdout.WriteString("pid " + strconv.Itoa(r.server.PID()) + "\n")
	os.Stdout.WriteString("pid " + strconv.Itoa(p.c.PID()) + "\n")
	select {}
}

// alive reports whether a process is running. A zombie is not.
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
