package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files and the table in README.md")

// parse parses a command line without exiting.
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
		err = nil // --help was printed
	}
	return buf.String(), err
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"config", "--help"}, {"migrate", "--help"}, {"partition", "ensure", "--help"}, {"roster", "import", "--help"}, {"dead", "replay", "--help"}, {"token", "create", "--help"}, {"token", "revoke", "--help"}, {"token", "list", "--help"}, {"token", "user", "--help"}, {"token", "check", "--help"},
		{"check", "--help"}, {"status", "--help"}, {"top", "--help"}, {"device", "--help"}, {"completion", "--help"}} {
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
		t.Errorf("%s differs; review the change and run with -update (-want +got):\n%s", path, d)
	}
}

func TestWrongValuesNameTheSetting(t *testing.T) {
	for _, c := range []struct {
		name, flag string
		want       []string
	}{
		{"a negative window", "--live-flush-ms=-1", []string{"LIVE_FLUSH_MS", "-1", "0 to 10000"}},
		{"every address without permission", "--http-addr=0.0.0.0:8080", []string{"HTTP_ADDR", "0.0.0.0:8080", "AUTH_ALLOW_ANONYMOUS"}},
		{"a stream twice", "--telemetry-streams=a,a", []string{"TELEMETRY_STREAMS", `"a"`}},
		{"a stream and its dead letters", "--telemetry-streams=a,a:dead", []string{"TELEMETRY_STREAMS", `"a:dead"`, `"a"`}},
		{"a stream and its dead letters on a Cluster", "--telemetry-streams={a}:dead,a", []string{"TELEMETRY_STREAMS", `"{a}:dead"`, `"a"`}},
		{"a stream twice, once after a space", "--telemetry-streams=a, a", []string{"TELEMETRY_STREAMS", `"a"`}},
		{"a stream with a control character", "--telemetry-streams=a\x01", []string{"TELEMETRY_STREAMS", "printable"}},
		{"a stream with a no-break space", "--telemetry-streams=a\u00a0b", []string{"TELEMETRY_STREAMS", "printable"}},
		{"no record to read back", "--live-warm-max=0", []string{"LIVE_WARM_MAX", "1 to"}},
		{"no time to read back", "--live-warm-window-ms=0", []string{"LIVE_WARM_WINDOW_MS", "1 to"}},
		{"an invalid time", "--archive-min-ts=yesterday", []string{"ARCHIVE_MIN_TS", "yesterday", "RFC 3339"}},
		{"no interval at all", "--archive-claim-interval-ms=0", []string{"ARCHIVE_CLAIM_INTERVAL_MS", "0", "10 to 3600000"}},
		{"too many months", "--archive-partition-ahead=61", []string{"ARCHIVE_PARTITION_AHEAD", "61", "0 to 60"}},
		{"a negative retention", "--archive-retention-months=-1", []string{"ARCHIVE_RETENTION_MONTHS", "-1", "0 to 1200"}},
		{"an allowed origin with a path", "--allowed-origins=https://maps.example/page", []string{"ALLOWED_ORIGINS", "maps.example/page", "not an origin"}},
		{"a second directive", "--frame-ancestors=club.example; script-src *", []string{"FRAME_ANCESTORS", "not an origin"}},
		{"a token that is easily guessed", "--ops-token=fifteen-letters", []string{"OPS_TOKEN", "15", "16 or more"}},
		{"HSTS without TLS", "--tls-hsts-seconds=60", []string{"TLS_HSTS_SECONDS", "TLS_CERT_FILE"}},
		{"an embedded Redis for everybody", "--embedded-redis-addr=:6390", []string{"EMBEDDED_REDIS_ADDR", ":6390", "EMBEDDED_REDIS_ALLOW_REMOTE"}},
		{"a short password", "--embedded-redis-password=hush", []string{"EMBEDDED_REDIS_PASSWORD", "16 or more"}},
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

// An embedded Redis that other machines reach needs two settings. With a real server
// neither is needed.
func TestEmbeddedRedisForOthers(t *testing.T) {
	const addr, allow = "--embedded-redis-addr=0.0.0.0:6390", "--embedded-redis-allow-remote"
	for _, c := range []struct {
		flags []string
		want  string // in the error, "" for none
	}{
		{[]string{addr}, "EMBEDDED_REDIS_ALLOW_REMOTE"},
		{[]string{addr, "--embedded-redis-password=0123456789abcdef"}, "EMBEDDED_REDIS_ALLOW_REMOTE"},
		{[]string{addr, allow}, "EMBEDDED_REDIS_PASSWORD"},
		{[]string{addr, allow, "--embedded-redis-password=0123456789abcdef"}, ""},
		{[]string{addr, "--redis-url=redis://127.0.0.1"}, ""},
		{[]string{"--embedded-redis-addr=[::1]:6390"}, ""},
	} {
		_, err := parse(t, append([]string{"serve"}, c.flags...)...)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q in it", c.flags, err, c.want)
		}
	}
}

func TestConfigSaysWhereValuesComeFrom(t *testing.T) {
	t.Setenv("AUTHZ_SQL", "SELECT 'hush'\n")
	t.Setenv("JWKS_URL", "https://id.example/hush/keys")
	t.Setenv("JWT_ISSUER", "two\nlines")
	t.Setenv("REDIS_URL", "redis://:hush@127.0.0.1:1/0")
	t.Setenv("LIVE_FLUSH_MS", "50")
	args := []string{"config", "--auth-mode=jwt", "--jwt-secret=0123456789abcdef0123456789hush!!", "--no-archive", "--live-flush-ms=70", "--trusted-proxies=10.0.0.1,10.1.0.0/16"}
	want := map[string]string{ // source and value
		"REDIS_URL": "environment redis://[redacted]@127.0.0.1:1/0", "AUTHZ_SQL": "environment [redacted]", "AUTH_MODE": "flag jwt", "JWKS_URL": "environment https://id.example/[redacted]", "JWT_ISSUER": `environment "two\nlines"`,
		"JWT_SECRET": "flag [redacted]", "ARCHIVE_ENABLED": "flag false", "LIVE_FLUSH_MS": "flag 70",
		"TRUSTED_PROXIES": "flag 10.0.0.1,10.1.0.0/16", "HTTP_ADDR": "default 127.0.0.1:8080", "DATABASE_URL": "default", "MIGRATE": "default false",
	}
	var c cli
	k, err := kong.New(&c, options()...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := k.Parse(args)
	if err != nil {
		t.Fatal(err)
	}
	var lines, list bytes.Buffer
	for w, asJSON := range map[*bytes.Buffer]bool{&lines: false, &list: true} {
		if err := printSettings(w, ctx, c.Config.Settings(), asJSON); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(w.String(), "hush") {
			t.Errorf("a secret is printed:\n%s", w)
		}
	}
	got := map[string]string{}
	for line := range strings.Lines(lines.String()) {
		name, rest, _ := strings.Cut(line, " ")
		source, value, _ := strings.Cut(strings.TrimSpace(rest), " ")
		got[name] = strings.TrimSpace(source + " " + strings.TrimSpace(value))
	}
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s: %q, want %q", name, got[name], w)
		}
	}
	var settings []sourced
	if err := json.Unmarshal(list.Bytes(), &settings); err != nil {
		t.Fatal(err)
	}
	if len(settings) != len(got) {
		t.Errorf("%d settings as JSON, %d in lines", len(settings), len(got))
	}
}

// The command config prints every flag of serve.
func TestConfigKnowsEverySetting(t *testing.T) {
	var c cli
	k, err := kong.New(&c, options()...)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, n := range k.Model.Children {
		if n.Name != "serve" {
			continue
		}
		for _, f := range n.Flags {
			want = append(want, strings.Join(f.Envs, " ")+" "+f.Name)
		}
	}
	for _, s := range c.Config.Settings() {
		got = append(got, s.Name+" "+s.Flag)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the settings differ from the flags (-want +got):\n%s", d)
	}
}

// The command config fails if a file that a setting names is missing or invalid.
func TestConfigFailsAsServe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("hush"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want  string
		flags []string
	}{
		{"LIVE_FLUSH_MS", []string{"--live-flush-ms=-1"}},
		{"JWT_SECRET_FILE", []string{"--auth-mode=jwt", "--jwt-secret-file=" + file}},
		{"LINK_SECRET_FILE", []string{"--link-secret-file=" + file + "-is-not-there"}},
		{"JWT_PUBLIC_KEY_FILE", []string{"--auth-mode=jwt", "--jwt-public-key-file=" + file}},
		{"TLS_CERT_FILE", []string{"--tls-cert-file=" + file, "--tls-key-file=" + file}},
	} {
		var cl cli
		k, err := kong.New(&cl, options()...)
		if err != nil {
			t.Fatal(err)
		}
		ctx, err := k.Parse(append([]string{"config"}, c.flags...))
		if err == nil {
			err = ctx.Run()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v, want an error that names %s", c.flags, err, c.want)
		}
	}
}

const (
	tableBegin = "<!-- configuration: made by go test ./cmd/pitwall -update -->\n"
	tableEnd   = "<!-- end of configuration -->\n"
)

// The table in README.md is the one that the fields of config.Config give.
func TestReadmeTable(t *testing.T) {
	const path = "README.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), tableBegin)
	have, after, closed := strings.Cut(rest, tableEnd)
	if !found || !closed {
		t.Fatalf("%s has no configuration table", path)
	}
	want := table(t)
	if have == want {
		return
	}
	if !*update {
		t.Fatalf("the table differs from the flags; run with -update (-want +got):\n%s", cmp.Diff(want, have))
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
