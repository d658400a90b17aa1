package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestFloor makes a small and short comparison: each server delivers.
func TestFloor(t *testing.T) {
	out := floorTable(t)
	for _, kind := range []string{"bare", "prompt", "engine", "broadcaster"} {
		cells := rowOf(t, out, kind)
		if d := cells[9]; strings.HasPrefix(d, "0.0") || !strings.HasSuffix(d, "%") {
			t.Errorf("%s delivered %q", kind, d)
		}
		if ms, err := strconv.ParseFloat(cells[10], 64); err != nil || ms <= 0 {
			t.Errorf("%s: %q ms between writes", kind, cells[10])
		}
	}
}

// TestFloorWithLoops: bare loops with several threads deliver everything.
func TestFloorWithLoops(t *testing.T) {
	out := floorTable(t, "--loops=2", "--only=bare,prompt", "--events=3")
	for _, kind := range []string{"bare", "prompt"} {
		if d := rowOf(t, out, kind)[9]; d != "100.0 %" {
			t.Errorf("%s delivered %q", kind, d)
		}
	}
	if !strings.Contains(out, "bare loops of 2;") {
		t.Errorf("the number of loops is not in\n%s", out)
	}
}

// floorTable makes a small comparison and returns the output.
func floorTable(t *testing.T, flags ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"floor", "--conns=21", "--seconds=1", "--rounds=1"}, flags...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1", builtAt+"="+built(t))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// rowOf are the cells of the row of a kind. The first one is empty.
func rowOf(t *testing.T, table, kind string) []string {
	t.Helper()
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) == 12 && cells[1] == kind {
			return cells
		}
	}
	t.Fatalf("no row of %s in\n%s", kind, table)
	return nil
}
