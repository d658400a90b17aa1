package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pitwall/engine/e2e/e2etest"
)

// TestCommandsRun: the programs know each command of ours in a code block, with its
// flags. They are asked for help on it, so nothing is carried out.
func TestCommandsRun(t *testing.T) {
	pitwall, bench := e2etest.Build(t, "cmd/pitwall"), e2etest.Build(t, "bench")
	targets := makeTargets(t)
	seen := map[string]int{}
	for _, p := range pages(t) {
		for _, b := range p.blocks() {
			for _, line := range strings.Split(b.text, "\n") {
				words := words(line)
				kind, args := kindOf(words)
				seen[kind]++
				switch kind {
				case "pitwall":
					understood(t, p, line, pitwall, args)
				case "bench":
					understood(t, p, line, bench, args)
				case "make":
					for _, target := range args {
						if !strings.Contains(target, "=") && !targets[target] {
							t.Errorf("%s: %q: no such target", p.path, line)
						}
					}
				case "test":
					checkGoTest(t, p, line, args)
				}
			}
		}
	}
	for _, kind := range []string{"pitwall", "bench", "make", "test"} {
		if seen[kind] == 0 {
			t.Errorf("no command of kind %s was found", kind)
		}
	}
}

var (
	assignment = regexp.MustCompile(`^[A-Z_0-9]+=`)
	optional   = regexp.MustCompile(`\[[^\]]*\]`)
	quoted     = regexp.MustCompile(`'([^']*)'|(\S+)`)
)

// words splits a line as a shell does. It leaves out the comment, variables that are set
// for the command, and optional parts in brackets.
func words(line string) []string {
	line, _, _ = strings.Cut(line, " #")
	line = strings.TrimPrefix(strings.TrimSpace(optional.ReplaceAllString(line, "")), "$ ")
	var list []string
	for _, m := range quoted.FindAllStringSubmatch(line, -1) {
		switch {
		case len(list) == 0 && assignment.MatchString(m[0]):
		case m[0] == "|" || m[0] == ">" || m[0] == "&":
			return list
		case m[2] != "":
			list = append(list, m[2])
		default:
			list = append(list, m[1])
		}
	}
	return list
}

// kindOf tells which of our commands a line is, and its arguments.
func kindOf(words []string) (kind string, args []string) {
	text := strings.Join(words, " ") + " "
	for _, c := range []struct{ begin, kind string }{
		{"pitwall ", "pitwall"}, {"bin/pitwall ", "pitwall"}, {"go run ./cmd/pitwall ", "pitwall"},
		{"go run ./bench ", "bench"}, {"make ", "make"}, {"go test ", "test"},
	} {
		if strings.HasPrefix(text, c.begin) {
			return c.kind, words[strings.Count(c.begin, " "):]
		}
	}
	return "other", nil
}

func understood(t *testing.T, p page, line, program string, args []string) {
	t.Helper()
	cmd := exec.Command(program, append(args, "--help")...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %q: %v\n%s", p.path, line, err, out)
	}
}

// makeTargets returns the targets of the Makefile.
func makeTargets(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z]+):`).FindAllStringSubmatch(string(text), -1) {
		found[m[1]] = true
	}
	return found
}

var declared = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz|Example)\w*)\(`)

// checkGoTest checks that the packages of a go test command have tests, and that its
// patterns match some.
func checkGoTest(t *testing.T, p page, line string, args []string) {
	t.Helper()
	var names []string
	packages := 0
	for _, arg := range args {
		if !strings.HasPrefix(arg, "./") {
			continue
		}
		packages++
		files, err := filepath.Glob(filepath.Join(root, strings.TrimSuffix(arg, "/..."), "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %q: %s has no tests", p.path, line, arg)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
				names = append(names, m[1])
			}
		}
	}
	if packages == 0 {
		t.Errorf("%s: %q names no package", p.path, line)
	}
	for i, arg := range args[:len(args)-1] {
		if kind := map[string]string{"-run": "Test", "-bench": "Benchmark", "-fuzz": "Fuzz"}[arg]; kind != "" {
			if pattern := args[i+1]; pattern != "^$" && pattern != "-" && pattern != "." && !matchesAny(t, pattern, kind, names) {
				t.Errorf("%s: %q: %s matches nothing", p.path, line, pattern)
			}
		}
	}
}

func matchesAny(t *testing.T, pattern, kind string, names []string) bool {
	t.Helper()
	first, _, _ := strings.Cut(pattern, "/")
	re, err := regexp.Compile(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, kind) && re.MatchString(name) {
			return true
		}
	}
	return false
}
