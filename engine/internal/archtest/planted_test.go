package archtest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// planted is a small tree and what one rule must find in it.
type planted struct {
	name string
	rule string
	// files maps a path to its source. A source without a package clause gets a
	// documented one.
	files map[string]string
	want  []string // each in one finding, in any order; none for a clean tree
}

func one(path, source string) map[string]string { return map[string]string{path: source} }

// imports is a source that imports the given packages.
func imports(paths ...string) string {
	var b strings.Builder
	for _, p := range paths {
		fmt.Fprintf(&b, "import _ %q\n", p)
	}
	return b.String()
}

func TestPlantedViolations(t *testing.T) {
	all := allRules()
	proven := map[string]bool{}
	for _, p := range plantedTrees() {
		t.Run(p.rule+"/"+p.name, func(t *testing.T) {
			var found []finding
			for _, r := range all {
				if r.name == p.rule {
					found = r.run(parsePlanted(t, p.files))
				}
			}
			if len(found) != len(p.want) {
				t.Fatalf("found %d, want %d: %v", len(found), len(p.want), found)
			}
			for _, w := range p.want {
				if !strings.Contains(fmt.Sprint(found), w) {
					t.Errorf("no %q in %v", w, found)
				}
			}
		})
		if len(p.want) > 0 {
			proven[p.rule] = true
		}
	}
	for _, r := range all {
		if !proven[r.name] {
			t.Errorf("no planted violation proves rule %q", r.name)
		}
	}
}

var packageClause = regexp.MustCompile(`(?m)^package `)

const documentedClause = "// Package p\n// is\n// documented\n// at\n// length.\npackage p\n"

func parsePlanted(t *testing.T, sources map[string]string) []*file {
	t.Helper()
	var files []*file
	for path, src := range sources {
		if !packageClause.MatchString(src) {
			src = documentedClause + src
		}
		f, err := parseFile(path, []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// TestListedFilesAreExcepted proves that a line excepts the files that it names, and no
// others.
func TestListedFilesAreExcepted(t *testing.T) {
	sources := map[string]string{
		"shard/x/ring.go": imports("sync/atomic"),
		"shard/ring.go":   imports("sync/atomic"),
		"engine/ring.go":  imports("sync/atomic"),
	}
	r := atomicRule([]exception{{"shard/*.go", "the core"}, {"engine/other.go", "none"}})
	found := fmt.Sprint(r.run(parsePlanted(t, sources)))
	for path, want := range map[string]bool{"shard/x/ring.go": true, "shard/ring.go": false, "engine/ring.go": true} {
		if got := strings.Contains(found, path+":"); got != want {
			t.Errorf("%s found: %t, want %t (%s)", path, got, want, found)
		}
	}
}

func TestLevel(t *testing.T) {
	for folder, want := range map[string]string{
		"cmd/pitwall":                     "cmd",
		"engine":                          "engine",
		"engine/live":                     "component",
		"engine/live/wire":                "component",
		"engine/front":                    "front",
		"engine/admin":                    "admin",
		"engine/config":                   "config",
		"engine/e2e/servers":              "servers",
		"engine/e2e/faults":               "e2e",
		"engine/internal/redis":           "internal",
		"engine/internal/testenv":         "tests",
		"engine/internal/testenv/summary": "tests",
		"shard":                           "shard",
		"codec/frame":                     "codec",
	} {
		if got := level(folder); got != want {
			t.Errorf("level(%q) = %q, want %q", folder, got, want)
		}
	}
}
