package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pitwall/bench/report"
)

// small is a run that takes a few seconds.
var small = []string{"stadium", "--connections=10", "--duration=2s", "--connect=50ms", "--warmup=200ms"}

// TestCompleteRunsAreKept: if the second of three runs ends early, the first is in the
// files, which say that two are missing.
func TestCompleteRunsAreKept(t *testing.T) {
	// A child inherits ignored signals, such as SIGHUP under nohup, but not handled
	// ones.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hup) })
	stop := func(s syscall.Signal) func(*exec.Cmd, string) {
		return func(cmd *exec.Cmd, _ string) {
			if err := cmd.Process.Signal(s); err != nil {
				t.Error(err)
			}
		}
	}
	for _, c := range []struct {
		name string
		how  func(cmd *exec.Cmd, tmp string)
		why  string // part of the end of the output
	}{
		{"Ctrl-C", stop(syscall.SIGINT), "interrupted"},
		{"the terminal closes", stop(syscall.SIGHUP), "interrupted"},
		{"the engine dies", func(_ *exec.Cmd, tmp string) { kill(t, tmp, "serve") }, "run stadium: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // their times do not matter
			dir := t.TempDir()
			json, html := filepath.Join(dir, "r.json"), filepath.Join(dir, "r.html")
			said, err := disturb(t, "run 2 of 3: measuring", c.how, append(small, "--runs=3", "--json="+json, "--html="+html)...)
			if err == nil {
				t.Error("the command succeeded")
			}
			last := strings.Join(said[max(0, len(said)-5):], "\n")
			if !strings.Contains(last, c.why) || !strings.Contains(last, "1 of 3 runs complete and reported") {
				t.Errorf("the output ends with\n%s\nwant %q, and what is complete", last, c.why)
			}
			r, err := report.Read(json)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Runs) != 1 || r.Runs[0].Counts.Deliveries < 10*40 || !strings.HasPrefix(r.CutShort, "1 of 3 runs complete: ") {
				t.Errorf("%d runs, %q; want the first one, and that two are missing", len(r.Runs), r.CutShort)
			}
			if page, err := os.ReadFile(html); err != nil || !bytes.Contains(page, []byte("Cut short: 1 of 3 runs complete")) {
				t.Errorf("the page (error %v) does not say that it was cut short", err)
			}
		})
	}
}

// kill kills the process of a run that has a word in its command line.
func kill(t *testing.T, folder, word string) {
	t.Helper()
	for pid, line := range processes(t, folder) {
		if strings.Contains(line, word) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			return
		}
	}
	t.Errorf("no process %q in %q", word, running(t, folder))
}

// TestAllKeepsCompleteRuns: the report has the complete runs of the scenario that was
// interrupted. The error names the scenarios that were not started.
func TestAllKeepsCompleteRuns(t *testing.T) {
	built(t)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := &allCmd{Runs: 2, JSON: dir}
	reports, err := c.measure(ctx, []suiteRun{{"one", small}, {"two", small}, {"three", small}},
		&trigger{word: "run 2 of 2: measuring", do: cancel})
	if err == nil || !strings.Contains(err.Error(), "not started: two, three") || len(reports) != 1 {
		t.Fatalf("%d reports, error %v; want the first, and the names of the others", len(reports), err)
	}
	r, err := report.Read(filepath.Join(dir, "one.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Runs) != 1 || r.Name != "one" || r.CutShort == "" {
		t.Errorf("%d runs of %q, %q; want one of two, and that it was cut short", len(r.Runs), r.Name, r.CutShort)
	}
}

// trigger calls do when a word is written.
type trigger struct {
	word string
	do   func()
}

func (x *trigger) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(x.word)) {
		x.do()
	}
	return io.Discard.Write(b)
}
