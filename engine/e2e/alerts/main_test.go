package alerts

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"pitwall/engine/e2e/e2etest"
)

func TestMain(m *testing.M) { os.Exit(e2etest.Main(m)) }

// deploy is the folder of the rules and the dashboard.
const deploy = "../../../cmd/pitwall/deploy"

// runbook is the page that the alerts point to, from the root of the module.
const runbook = "engine/ops/README.md"

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// promtool runs the program in the folder deploy and returns what it writes.
func promtool(t *testing.T, input string, args ...string) (output string, err error) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is not installed: run 'make test', or apt-get install prometheus")
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Stdin = deploy, strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
