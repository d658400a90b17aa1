package gauge

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestDescends(t *testing.T) {
	all := map[int]stat{1: {parent: 0}, 2: {parent: 0}, 10: {parent: 1}, 11: {parent: 10}, 12: {parent: 11}, 20: {parent: 2},
		30: {parent: 31}, 31: {parent: 30}}
	for _, tt := range []struct {
		pid, root int
		want      bool
	}{{10, 10, true}, {12, 10, true}, {11, 12, false}, {20, 2, true}, {20, 10, false}, {1, 10, false}, {30, 10, false}, {99, 10, false}} {
		if got := descends(all, tt.pid, tt.root); got != tt.want {
			t.Errorf("%d descends from %d: %t", tt.pid, tt.root, got)
		}
	}
}

func TestParseParentAndChildren(t *testing.T) {
	const rest = " 0 1 0 5 6 7 8"
	s, err := parseStat("7 (a ) b) S 3 7 7 0 -1 4194560 1 2 3 4 100 20 3 4 20" + rest)
	if err != nil || s.parent != 3 || s.used() != 1270*time.Millisecond {
		t.Errorf("%+v, %v; want 3 and 1.27 s", s, err)
	}
	for _, text := range []string{"", "7 (a) S 3", "7 (a) S x 7 7 0 -1 4194560 1 2 3 4 100 20 3 4 20" + rest, "7 (a) S 3 7 7 0 -1 4194560 1 2 3 4 100 y 3 4 20" + rest} {
		if _, err := parseStat(text); err == nil {
			t.Errorf("parseStat(%q) gave no error", text)
		}
	}
}

// TestReadOthers starts a process that uses CPU time in a child, which ends. The
// time counts for all roots but this test and that process itself.
func TestReadOthers(t *testing.T) {
	const spin = `x=$(i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done)`
	before, ours := others(t, nobody), others(t, os.Getpid())
	cmd := exec.Command("sh", "-c", spin+"; echo done; read x")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = cmd.Wait() }()
	var word string
	if _, err := fmt.Fscanln(out, &word); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	child, err := parseStat(string(b))
	used := child.used()
	if err != nil || child.parent != os.Getpid() || used < 50*time.Millisecond {
		t.Fatalf("%+v, %v of %s; want a child of this test that has used CPU time", child, err, strings.TrimSpace(string(b)))
	}
	if after := others(t, nobody); after-before < used {
		t.Errorf("%v more, want at least the child's %v", after-before, used)
	}
	// Other processes use CPU time meanwhile, so both readings must lie between two
	// readings of everything, minus what is left out. A process that ends unnoticed
	// costs an attempt.
	fault := "never read"
	for attempt := 0; attempt < 50 && fault != ""; attempt++ {
		all := others(t, nobody)
		without, apart := others(t, cmd.Process.Pid), others(t, os.Getpid())
		again := others(t, nobody)
		switch fault = ""; {
		case without < all-used || without > again-used:
			fault = fmt.Sprintf("%v without the child, which has used %v, of %v to %v", without, used, all, again)
		case apart < ours || apart > again-used:
			fault = fmt.Sprintf("%v without this test and its child, %v before; want at most %v", apart, ours, again-used)
		}
	}
	if fault != "" {
		t.Error(fault)
	}
}

// nobody is the id of no process.
const nobody = 1 << 30

// others is ReadOthers, which must not fail.
func others(t *testing.T, root int) time.Duration {
	t.Helper()
	d, err := ReadOthers(root)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
