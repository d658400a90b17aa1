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

// TestReadOthers has a process use time, and a child of it before, which has
// ended. To this test both are its own, to the process they are not others
// either; to a third they are.
func TestReadOthers(t *testing.T) {
	const spin = `x=$(i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done)`
	before, err := ReadOthers(1 << 30) // nobody's
	if err != nil {
		t.Fatal(err)
	}
	ours, err := ReadOthers(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
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
	after, err := ReadOthers(1 << 30)
	if err != nil || after-before < r.used {
		t.Errorf("%v more (%v), want at least the child's %v", after-before, err, r.used)
	}
	apart, err := ReadOthers(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if without, err := ReadOthers(cmd.Process.Pid); err != nil || after-without > r.used+time.Second || without > after {
		t.Errorf("%v of %v without the child (%v), want its %v less", without, after, err, r.used)
	}
	if apart < ours || apart > after-r.used {
		t.Errorf("%v without this test and its child, %v before; want at most %v", apart, ours, after-r.used)
	}
}
