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
	all := map[int]relative{1: {parent: 0}, 2: {parent: 0}, 10: {parent: 1}, 11: {parent: 10}, 12: {parent: 11}, 20: {parent: 2},
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

func TestParseRelative(t *testing.T) {
	r, err := parseRelative("7 (a ) b) S 3 7 7 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 5 6 7 8")
	if err != nil || r.parent != 3 || r.used != 1270*time.Millisecond {
		t.Errorf("%+v, %v; want 3 and 1.27 s", r, err)
	}
	for _, text := range []string{"", "7 (a) S 3", "7 (a) S x 7 7 0 -1 4194560 1 2 3 4 100 20 3 4 20", "7 (a) S 3 7 7 0 -1 4194560 1 2 3 4 100 y 3 4 20"} {
		if _, err := parseRelative(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestReadOthers makes a process use time, by a child that ends. To this test
// both are its own, and so they are to the process itself; to any other process
// they are others.
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
	r, err := parseRelative(string(b))
	if err != nil || r.parent != os.Getpid() || r.used < 50*time.Millisecond {
		t.Fatalf("%+v, %v of %s; want a child of ours that has used something", r, err, strings.TrimSpace(string(b)))
	}
	if after := others(t, nobody); after-before < r.used {
		t.Errorf("%v more, want at least the child's %v", after-before, r.used)
	}
	// Other processes go on meanwhile. So both readings lie between two readings of
	// all, less what is left out; a process that ends unseen costs an attempt.
	fault := "never read"
	for attempt := 0; attempt < 50 && fault != ""; attempt++ {
		all := others(t, nobody)
		without, apart := others(t, cmd.Process.Pid), others(t, os.Getpid())
		again := others(t, nobody)
		switch fault = ""; {
		case without < all-r.used || without > again-r.used:
			fault = fmt.Sprintf("%v without the child, which has used %v, of %v to %v", without, r.used, all, again)
		case apart < ours || apart > again-r.used:
			fault = fmt.Sprintf("%v without this test and its child, %v before; want at most %v", apart, ours, again-r.used)
		}
	}
	if fault != "" {
		t.Error(fault)
	}
}

// nobody is no process.
const nobody = 1 << 30

// others is ReadOthers without an error.
func others(t *testing.T, root int) time.Duration {
	t.Helper()
	d, err := ReadOthers(root)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
