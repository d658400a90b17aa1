package ops

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the tables of metrics in README.md")

const (
	tablesBegin = "<!-- metrics: made by go test ./engine/ops -update -->\n"
	tablesEnd   = "<!-- end of metrics -->\n"
)

// TestReadmeTables: the tables of README.md are the descriptions that /metrics gives.
func TestReadmeTables(t *testing.T) {
	const path = "README.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), tablesBegin)
	have, after, closed := strings.Cut(rest, tablesEnd)
	if !found || !closed {
		t.Fatalf("%s has no tables of metrics", path)
	}
	want := tables()
	if have == want {
		return
	}
	if !*update {
		t.Fatalf("the tables differ from the descriptions; run with -update (-want +got):\n%s", cmp.Diff(want, have))
	}
	if err := os.WriteFile(path, []byte(before+tablesBegin+want+tablesEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

var settingOrMetric = regexp.MustCompile(`\b(?:[A-Z]+(?:_[A-Z]+)+|GOMEMLIMIT|go_[a-z_]+)\b|/readyz\b`)

// tables prints the sections for README.md.
func tables() string {
	var b strings.Builder
	for _, s := range sections {
		fmt.Fprintf(&b, "\n**%s**\n\n| metric | type | meaning |\n|---|---|---|\n", s.title)
		for _, m := range s.metrics {
			name := m.name
			if m.labels != "" {
				name += "{" + m.labels + "}"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, m.kind, settingOrMetric.ReplaceAllString(m.help, "`$0`"))
		}
	}
	return b.String() + "\n"
}

// TestDescriptions: each metric is described once, in one line that Prometheus' format
// takes as it is.
func TestDescriptions(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sections {
		for _, m := range s.metrics {
			if seen[m.name] {
				t.Errorf("%s is described twice", m.name)
			}
			seen[m.name] = true
			if m.help == "" || strings.ContainsAny(m.help, "\\\n|") {
				t.Errorf("the help of %s is %q", m.name, m.help)
			}
		}
	}
}
