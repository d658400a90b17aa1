package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestFloor makes the comparison small and short: each way delivers.
func TestFloor(t *testing.T) {
	cmd := exec.Command(os.Args[0], "floor", "--conns=20", "--seconds=1", "--rounds=1")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, kind := range []string{"bare", "prompt", "engine", "broadcaster"} {
		found := false
		for line := range strings.Lines(string(out)) {
			cells := strings.Split(line, "|")
			if len(cells) < 10 || strings.TrimSpace(cells[1]) != kind {
				continue
			}
			found = true
			if d := strings.TrimSpace(cells[9]); strings.HasPrefix(d, "0.0") || !strings.HasSuffix(d, "%") {
				t.Errorf("%s delivered %q", kind, d)
			}
		}
		if !found {
			t.Errorf("no line of %s in\n%s", kind, out)
		}
	}
}
