package operate

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pitwall/engine/admin/monitor"
	"pitwall/engine/e2e/e2etest"
)

// check follows a fault: a warning at first, then critical, then recovery, then a
// process that is gone.
func TestCheckFollowsAFault(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	e := s.Start("--ready-redis-away-ms=3000")
	to := target(e.Ops, "")
	wantCheck(t, to, monitor.ExitOK, "PITWALL OK - ready | connections=0;;;0 ")
	s.Redis.Stop()
	wantCheck(t, to, monitor.ExitWarning, "PITWALL WARNING - ready, with faults: ", "redis: ", "connection refused")
	wantCheck(t, to, monitor.ExitCritical, "PITWALL CRITICAL - not ready: ", "redis: ", "connection refused")
	s.Redis.Start()
	wantCheck(t, to, monitor.ExitOK, "PITWALL OK - ready | ")
	if err := e.Stop(); err != nil {
		t.Fatal(err)
	}
	wantCheck(t, to, monitor.ExitCritical, "PITWALL CRITICAL - no answer from http://"+e.Ops, "connection refused")
}

// Without the token of the process, the short answer is enough to tell whether it is
// ready. A wrong token is an error of the question.
func TestCheckWithATokenOfTheProcess(t *testing.T) {
	e := e2etest.Start(t, "--ops-token="+token)
	if exit, out := check(t, target(e.Ops, ""), "nagios"); exit != monitor.ExitOK || out != "PITWALL OK - ready\n" {
		t.Errorf("without the token: %v %q", exit, out)
	}
	if exit, out := check(t, target(e.Ops, token), "nagios"); exit != monitor.ExitOK || !strings.Contains(out, "| connections=0") {
		t.Errorf("with the token: %v %q", exit, out)
	}
	if exit, out := check(t, target(e.Ops, token+"x"), "nagios"); exit != monitor.ExitUnknown || !strings.Contains(out, "OPS_TOKEN") || strings.Contains(out, token) {
		t.Errorf("with a wrong token: %v %q", exit, out)
	}
}

// The three formats say the same.
func TestCheckFormats(t *testing.T) {
	e := e2etest.Start(t, "--simulate=3")
	exit, out := check(t, target(e.Ops, ""), "json")
	var answer struct {
		State, Reason string
		Exit          int
		Answers       bool
		Report        struct {
			Ready bool
			Parts []struct{ Part, State string }
			Lags  []struct{ Reader, Stream string }
		}
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if exit != 0 || answer.State != "ok" || answer.Exit != 0 || !answer.Answers || !answer.Report.Ready || len(answer.Report.Parts) < 5 || len(answer.Report.Lags) != 2 {
		t.Errorf("json: %v %s", exit, out)
	}
	_, out = check(t, target(e.Ops, ""), "prometheus")
	for _, line := range []string{"pitwall_check_state 0\n", "pitwall_check_answers 1\n", "pitwall_check_faults 0\n", "# TYPE pitwall_check_state gauge\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("prometheus has no %q:\n%s", line, out)
		}
	}
	if !regexp.MustCompile(`^PITWALL OK - ready \| (\w+=[0-9.]+(ms)?;;;0 ?)+\n$`).MatchString(nagios(t, e.Ops)) {
		t.Errorf("nagios: %s", nagios(t, e.Ops))
	}
}

func nagios(t *testing.T, addr string) string {
	t.Helper()
	_, out := check(t, target(addr, ""), "nagios")
	return out
}

// Anything else that answers, and settings that cannot work, are unknown.
func TestCheckOfSomethingElse(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>|")) }))
	defer other.Close()
	for name, to := range map[string]monitor.Target{
		"another server": {URL: other.URL, Timeout: e2etest.Patience},
		"no port":        target("127.0.0.1:0", ""),
		"no address":     target("localhost", ""),
		"no URL":         {URL: "127.0.0.1:9090", Timeout: e2etest.Patience},
		"no time":        {OpsAddr: "127.0.0.1:9090"},
	} {
		if exit, out := check(t, to, "nagios"); exit != monitor.ExitUnknown || !strings.HasPrefix(out, "PITWALL UNKNOWN - ") || strings.Contains(out, "|") {
			t.Errorf("%s: %v %q", name, exit, out)
		}
	}
}

// The binary is a health check of a container: it needs no shell, and no setting but
// OPS_ADDR, which may name all addresses.
func TestCheckAsTheHealthCheckOfAContainer(t *testing.T) {
	e := e2etest.Start(t, "--ops-addr=0.0.0.0:0")
	_, port, _ := strings.Cut(strings.TrimPrefix(e.Ops, "[::]"), ":")
	pitwall := e2etest.Build(t, "cmd/pitwall")
	run := func(env string, args ...string) (int, string) {
		t.Helper()
		cmd := exec.Command(pitwall, args...)
		cmd.Env, cmd.Dir = []string{env}, "/"
		out, err := cmd.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return exit.ExitCode(), string(out)
		}
		if err != nil {
			t.Fatal(err)
		}
		return 0, string(out)
	}
	for _, addr := range []string{":", "0.0.0.0:", "127.0.0.1:"} {
		if code, out := run("OPS_ADDR="+addr+port, "check"); code != 0 || !strings.HasPrefix(out, "PITWALL OK") {
			t.Errorf("OPS_ADDR=%s%s: %d %q", addr, port, code, out)
		}
	}
	if code, out := run("OPS_ADDR=127.0.0.1:1", "check"); code != 2 || !strings.HasPrefix(out, "PITWALL CRITICAL") {
		t.Errorf("nobody listens: %d %q", code, out)
	}
	if code, _ := run("OPS_ADDR=127.0.0.1:1", "check", "--format=xml"); code != 3 {
		t.Errorf("an unknown format exits with %d, want 3", code)
	}
}

// The token may be in a file, as that of the process may.
func TestCheckWithATokenInAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := e2etest.Start(t, "--ops-token="+token)
	cmd := exec.Command(e2etest.Build(t, "cmd/pitwall"), "check")
	cmd.Env = []string{"OPS_ADDR=" + e.Ops, "OPS_TOKEN_FILE=" + file}
	if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), "| connections=0") {
		t.Errorf("%v: %s", err, out)
	}
}
