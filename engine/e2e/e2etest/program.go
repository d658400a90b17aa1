package e2etest

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"pitwall/engine/e2e/servers"
)

// StartProgram starts a program with PATH and env as its whole environment, in a folder of
// its own. The caller ends it, with SIGKILL at the latest when the test ends; it is killed
// with the test binary.
func StartProgram(t testing.TB, env []string, program string, args ...string) *servers.Process {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	cmd.Dir = t.TempDir()
	p, err := servers.StartProcess(cmd, filepath.Join(t.TempDir(), "output"), syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
