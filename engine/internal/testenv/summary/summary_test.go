package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	tests := []struct {
		name   string
		input  string
		want   []string // in this order
		absent []string
		last   string
	}{
		{
			name: "what passed is quiet",
			input: `{"Action":"section","Package":"unit"}
{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"pass","Package":"p","Elapsed":1.25}
{"Action":"exit","Elapsed":0}`,
			want:   []string{"== unit", "ok    p  1.2s, 1 passed"},
			absent: []string{"chatter"},
			last:   "1 passed, 0 failed",
		},
		{
			name: "what failed is told whole",
			input: `{"Action":"section","Package":"race"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"got 1\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"fail","Package":"p"}
{"Action":"exit","Elapsed":1}`,
			want:   []string{"got 1", "FAIL  p", "FAIL  race: p TestA"},
			absent: []string{"=== RUN"},
			last:   "0 passed, 1 failed",
		},
		{
			name: "a leak found after the tests passed",
			input: `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"goroutines leaked\n"}
{"Action":"fail","Package":"p"}`,
			want: []string{"goroutines leaked", "FAIL  p"},
			last: "1 passed, 1 failed",
		},
		{
			name: "a step that failed without saying what",
			input: `{"Action":"section","Package":"unit"}
go: updates to go.mod needed
{"Action":"exit","Elapsed":1}`,
			want: []string{"updates to go.mod", "FAIL  unit: ended with an error"},
			last: "0 passed, 1 failed",
		},
		{
			name: "checks count like tests",
			input: `x.go
{"Action":"check","Package":"gofmt","Elapsed":1}
{"Action":"check","Package":"vet","Elapsed":0}`,
			want: []string{"x.go", "FAIL  gofmt", "ok    vet", "FAIL  gofmt"},
			last: "1 passed, 1 failed",
		},
		{
			name:  "a run cut off in the middle",
			input: `{"Action":"pass","Package":"p","Test":"TestA"}`,
			want:  []string{"FAIL  p did not end"},
			last:  "1 passed, 1 failed",
		},
		{
			name: "skipped tests are told",
			input: `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p"}`,
			last: "1 passed, 0 failed, 1 skipped",
		},
		{name: "nothing ran", input: "", want: []string{"no test ran"}, last: "0 passed, 0 failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := run(t, tt.input)
			rest := out
			for _, w := range tt.want {
				_, after, found := strings.Cut(rest, w)
				if !found {
					t.Fatalf("no %q where it should be in:\n%s", w, out)
				}
				rest = after
			}
			for _, a := range tt.absent {
				if strings.Contains(out, a) {
					t.Errorf("%q in:\n%s", a, out)
				}
			}
			if !strings.HasSuffix(out, "\n"+tt.last+"\n") {
				t.Errorf("last line is not %q:\n%s", tt.last, out)
			}
		})
	}
}

// TestSummaryOfARealRun lets go test itself write the events: of a package
// that passes, one that fails, one that panics and one that does not build.
func TestSummaryOfARealRun(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	head := "import \"testing\"\nfunc Test"
	write("go.mod", "module sample\n\ngo 1.26\n")
	write("good/a_test.go", "package good\n"+head+"Good(t *testing.T) { t.Log(\"unheard\") }\n")
	write("bad/a_test.go", "package bad\n"+head+"Bad(t *testing.T) { t.Run(\"inner\", func(t *testing.T) { t.Error(\"heard\") }) }\n")
	write("panics/a_test.go", "package panics\n"+head+"Panic(t *testing.T) { panic(\"loud\") }\n")
	write("broken/a_test.go", "package broken\n"+head+"Broken(t *testing.T) { undefined() }\n")

	cmd := exec.Command("go", "test", "-json", "./...")
	cmd.Dir = dir
	events, err := cmd.Output()
	if err == nil {
		t.Fatal("go test of broken packages succeeded")
	}
	out := run(t, string(events))
	for _, w := range []string{"heard", "panic: loud", "undefined: undefined", "FAIL  sample/bad TestBad/inner",
		"FAIL  sample/panics TestPanic", "FAIL  sample/broken", "ok    sample/good"} {
		if !strings.Contains(out, w) {
			t.Errorf("no %q", w)
		}
	}
	if strings.Contains(out, "unheard") {
		t.Error("a passed test was heard")
	}
	// Bad and Bad/inner, Panic, the package that does not build.
	if !strings.HasSuffix(out, "\n1 passed, 4 failed\n") {
		t.Error("wrong last line")
	}
	if t.Failed() {
		t.Log(out)
	}
}

func run(t *testing.T, input string) string {
	t.Helper()
	var out strings.Builder
	s := newSummary(&out)
	if err := s.readAll(strings.NewReader(input)); err != nil {
		t.Fatal(err)
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
