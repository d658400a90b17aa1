package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCtrlC interrupts a run: everything that it has started is stopped.
func TestCtrlC(t *testing.T) { interrupt(t, "measuring", 2, stadium...) }

// TestCtrlCWhileBuilding: no compiler keeps running.
func TestCtrlCWhileBuilding(t *testing.T) { interrupt(t, building, 2, stadium...) }

// building is the phase in which a run builds Pitwall, unless it is built already.
const building = "starting the servers"

// TestCtrlCInARaceOfClocks: its servers are stopped.
func TestCtrlCInARaceOfClocks(t *testing.T) {
	interrupt(t, "leg 1", 3, "clocks", "--streams=true", "--duration=10m", "--every=100ms")
}

var stadium = []string{"run", "stadium", "--connections=10", "--duration=10m", "--connect=50ms", "--warmup=10ms"}

// interrupt interrupts a run in a phase in which it has at least so many processes.
func interrupt(t *testing.T, phase string, least int, args ...string) {
	t.Helper()
	said, err := disturb(t, phase, func(cmd *exec.Cmd, tmp string) {
		for limit := time.Now().Add(20 * time.Second); len(running(t, tmp)) < least; {
			if time.Now().After(limit) {
				t.Errorf("%q are the processes of the run, want at least %d", running(t, tmp), least)
				break
			}
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
	}, args...)
	if err == nil {
		t.Error("an interrupted run succeeded")
	}
	if !strings.Contains(said[len(said)-1], "interrupted") {
		t.Errorf("the output does not say that the run was interrupted: %q", said)
	}
}

// disturb runs the program and calls how when it says that it is in a phase. It returns
// the lines of standard error and the result, and checks that no process and no file
// is left.
func disturb(t *testing.T, phase string, how func(cmd *exec.Cmd, tmp string), args ...string) (said []string, ended error) {
	t.Helper()
	tmp := t.TempDir()
	for _, dir := range []string{filepath.Dir(tmp), tmp} { // PostgreSQL runs as another user
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "TMPDIR="+tmp)
	if phase != building {
		cmd.Env = append(cmd.Env, builtAt+"="+built(t))
	}
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		if strings.Contains(lines.Text(), phase) {
			how(cmd, tmp)
		}
	}
	ended = cmd.Wait()
	if left := running(t, tmp); len(left) > 0 {
		t.Errorf("still running after the end: %q\n%s", left, strings.Join(said, "\n"))
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 {
		t.Errorf("files left: %q\n%s", left, strings.Join(said, "\n"))
	}
	return said, ended
}

// running are the command lines of processes.
func running(t *testing.T, folder string) (list []string) {
	t.Helper()
	for _, line := range processes(t, folder) {
		list = append(list, line)
	}
	return list
}

// processes are the command lines of the processes that were started in a folder or
// have it in their command line. Redis changes its command line.
func processes(t *testing.T, folder string) map[int]string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	all := map[int]string{}
	for _, f := range files {
		b, _ := os.ReadFile(f)
		cwd, _ := os.Readlink(filepath.Join(filepath.Dir(f), "cwd"))
		if bytes.Contains(b, []byte(folder)) || strings.HasPrefix(cwd, folder) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			all[pid] = string(bytes.ReplaceAll(b, []byte{0}, []byte(" ")))
		}
	}
	return all
}
