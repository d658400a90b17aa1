package testenv

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// TestMainSeesLeaks runs itself in a child process, which leaks a goroutine.
func TestMainSeesLeaks(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		go func() { select {} }()
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), childEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "goroutines leaked") {
		t.Errorf("a test that leaked a goroutine ended with %v:\n%s", err, out)
	}
}
