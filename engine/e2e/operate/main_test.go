package operate

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"pitwall/engine/admin/monitor"
	"pitwall/engine/config"
	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/e2e/servers"
)

func TestMain(m *testing.M) { os.Exit(e2etest.Main(m)) }

// token is an OPS_TOKEN.
const token = "0123456789abcdef"

// target is a private listener.
func target(addr string, token config.Secret) monitor.Target {
	return monitor.Target{OpsAddr: addr, OpsToken: token, Timeout: e2etest.Patience}
}

// check runs the command check.
func check(t *testing.T, to monitor.Target, format string) (monitor.Exit, string) {
	t.Helper()
	var out bytes.Buffer
	exit, err := monitor.Check(t.Context(), to, format, &out)
	if err != nil {
		t.Fatal(err)
	}
	return exit, out.String()
}

// wantCheck waits for a result of check that contains the texts.
func wantCheck(t *testing.T, to monitor.Target, want monitor.Exit, texts ...string) {
	t.Helper()
	var exit monitor.Exit
	var out string
	if !servers.Poll(e2etest.Patience, func() bool {
		exit, out = check(t, to, "nagios")
		missing := slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(out, text) })
		return exit == want && !missing
	}) {
		t.Fatalf("check says %v: %s want %v with %q", exit, out, want, texts)
	}
}
