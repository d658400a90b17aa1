package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestErrorsAreShort: a mistyped flag or a failed run is explained without the whole
// help.
func TestErrorsAreShort(t *testing.T) {
	for _, c := range []struct {
		args  string
		most  int    // lines of output
		want  string // beginning of the last line
		where string // part of the output
	}{
		{"stadium --nosuch", 3, "bench: error: unknown flag --nosuch", "bench run --help"},
		{"stadium --connections=many", 3, "bench: error: --connections: ", "bench run --help"},
		{"--peer=nosuch stadium", 3, "bench: error: --peer must be one of ", "bench run --help"},
		{"", 3, `bench: error: expected "<scenario>"`, "bench run --help"},
		{"floor --nosuch", 3, "bench: error: unknown flag --nosuch", "bench floor --help"},
		{"compare a", 3, `bench: error: expected "<after>"`, "bench compare --help"},
		{"nosuch", 1, `bench: there is no scenario "nosuch"`, ""},
		{"all nosuch", 1, `bench: there is no scenario "nosuch"`, ""},
		{"stadium --connections=0", 1, "bench: --connections is 0", ""},
		{"stadium --target=ws://127.0.0.1:1/live --redis=redis://127.0.0.1:1", 2, "bench: run stadium: ", ""}, // and the reason
		{"floor --loops=0", 1, "bench: --loops is 0", ""},
		{"clocks --duration=1s", 1, "bench: --duration is 1s, the minimum is 10s", ""},
		{"clocks --kinds=nosuch", 1, "bench: --kinds is nosuch, possible values are reference, right, ", ""},
		{"clocks --streams=nosuch", 1, "bench: --streams is nosuch, possible values are true, steps, ", ""},
		{"floor --events=300", 1, "bench: --devices is 200", ""},
		{"compare /nonexistent/a.json /nonexistent/b.json", 1, "bench: read a report: ", ""},
	} {
		t.Run(c.args, func(t *testing.T) {
			var out bytes.Buffer
			cmd := exec.CommandContext(t.Context(), os.Args[0], strings.Fields(c.args)...)
			cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), asProgram+"=1"), &out, &out // one pipe, to keep the order
			_ = cmd.Run()                                                                      // the code tells
			want := exitFailed
			if strings.HasPrefix(c.want, "bench: error:") {
				want = exitUsage
			}
			if got := cmd.ProcessState.ExitCode(); got != want {
				t.Errorf("exit code %d, want %d", got, want)
			}
			var said []string
			for line := range strings.Lines(out.String()) {
				if line = strings.TrimSpace(line); line != "" {
					said = append(said, line)
				}
			}
			if len(said) == 0 || len(said) > c.most || !strings.HasPrefix(said[len(said)-1], c.want) || !strings.Contains(out.String(), c.where) {
				t.Errorf("the output is\n%s\nwant at most %d lines, the last one %q, and %q", strings.Join(said, "\n"), c.most, c.want, c.where)
			}
		})
	}
}
