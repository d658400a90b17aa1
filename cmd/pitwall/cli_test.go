package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files and the README's table anew")

// parse runs the command line without exiting.
func parse(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var c cli
	var buf bytes.Buffer
	exited := false
	k, err := kong.New(&c, append(options(), kong.Writers(&buf, &buf), kong.Exit(func(int) { exited = true }))...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.Parse(args)
	if exited {
		err = nil // --help has said its word
	}
	return buf.String(), err
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"migrate", "--help"}, {"partition", "ensure", "--help"}, {"roster", "import", "--help"}, {"dead", "replay", "--help"}, {"token", "create", "--help"}, {"token", "revoke", "--help"}} {
		name := strings.Join(append([]string{"help"}, args[:len(args)-1]...), "-")
		t.Run(name, func(t *testing.T) {
			got, err := parse(t, args...)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", name+".txt"), got)
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs; look at it and run with -update (-want +got):\n%s", path, d)
	}
}

func TestWrongValuesNameTheSetting(t *testing.T) {
	for _, c := range []struct {
		name, flag string
		want       []string
	}{
		{"a negative window", "--live-flush-ms=-1", []string{"LIVE_FLUSH_MS", "-1", "0 to 10000"}},
		{"no loopback and no word of it", "--http-addr=0.0.0.0:8080", []string{"HTTP_ADDR", "0.0.0.0:8080", "AUTH_ALLOW_ANONYMOUS"}},
		{"a stream twice", "--telemetry-streams=a,a", []string{"TELEMETRY_STREAMS", `"a"`}},
		{"a stream twice, once behind a space", "--telemetry-streams=a, a", []string{"TELEMETRY_STREAMS", `"a"`}},
		{"no record to read back", "--live-warm-max=0", []string{"LIVE_WARM_MAX", "1 to"}},
		{"no time to read back", "--live-warm-window-ms=0", []string{"LIVE_WARM_WINDOW_MS", "1 to"}},
		{"a time that is none", "--archive-min-ts=yesterday", []string{"ARCHIVE_MIN_TS", "yesterday", "RFC 3339"}},
		{"no interval at all", "--archive-claim-interval-ms=0", []string{"ARCHIVE_CLAIM_INTERVAL_MS", "0", "10 to 3600000"}},
		{"months of which there cannot be so many", "--archive-partition-ahead=61", []string{"ARCHIVE_PARTITION_AHEAD", "61", "0 to 60"}},
		{"a retention below none", "--archive-retention-months=-1", []string{"ARCHIVE_RETENTION_MONTHS", "-1", "0 to 1200"}},
		{"text where a number belongs", "--live-ring-slots=many", []string{"live-ring-slots", "many"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(t, "serve", c.flag)
			if err == nil {
				t.Fatalf("%s was taken", c.flag)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not say %q", err, w)
				}
			}
		})
	}
}

const (
	tableBegin = "<!-- configuration: made by go test ./cmd/pitwall -update -->\n"
	tableEnd   = "<!-- end of configuration -->\n"
)

// TestReadmeTable keeps the README's configuration table equal to the struct
// that the flags are read from.
func TestReadmeTable(t *testing.T) {
	const path = "../../README.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), tableBegin)
	have, after, closed := strings.Cut(rest, tableEnd)
	if !found || !closed {
		t.Fatalf("%s has no place for the configuration table", path)
	}
	want := table(t)
	if have == want {
		return
	}
	if !*update {
		t.Fatalf("the table is not that of the flags; run with -update (-want +got):\n%s", cmp.Diff(want, have))
	}
	if err := os.WriteFile(path, []byte(before+tableBegin+want+tableEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// table prints the flags of serve.
func table(t *testing.T) string {
	t.Helper()
	var c cli
	k, err := kong.New(&c, options()...)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| variable | flag | default | meaning |\n|---|---|---|---|\n")
	for _, n := range k.Model.Children {
		if n.Name != "serve" {
			continue
		}
		for _, f := range n.Flags {
			def := f.Default
			if def != "" {
				def = "`" + def + "`"
			}
			fmt.Fprintf(&b, "| `%s` | `--%s` | %s | %s |\n", strings.Join(f.Envs, " "), f.Name, def, strings.ReplaceAll(f.Help, "|", `\|`))
		}
	}
	return b.String()
}
