package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wrongSettings are settings that serve refuses before it connects anywhere, with words
// of the error.
var wrongSettings = []struct {
	set  string // NAME=value
	want []string
}{
	{"LIVE_FLUSH_MS=-1", []string{"LIVE_FLUSH_MS is -1", "0 to 10000"}},
	{"LIVE_RING_SLOTS=many", []string{"many"}},
	{"DATABASE_URL=mysql://me:hush@db/race", []string{"DATABASE_URL is not a PostgreSQL URL"}},
	{"REDIS_URL=mysql://:hush@redis/0", []string{"REDIS_URL: not a Redis URL"}},
	{"DATABASE_DIRECT_URL=postgres://me:hush@db/race", []string{"DATABASE_DIRECT_URL is set and DATABASE_URL is not"}},
	{"HTTP_ADDR=127.0.0.1:99999", []string{"HTTP_ADDR", "99999", "0 to 65535"}},
	{"OPS_ADDR=127.0.0.1", []string{"OPS_ADDR", "no port"}},
	{"OPS_ADDR=127.0.0.1:8080", []string{"OPS_ADDR", "HTTP_ADDR", "different ports"}},
	{"EMBEDDED_REDIS_ADDR=127.0.0.1:-1", []string{"EMBEDDED_REDIS_ADDR", "0 to 65535"}},
	{"ALLOWED_ORIGINS=htps://maps.example", []string{"ALLOWED_ORIGINS", "htps://maps.example"}},
	{"ALLOWED_ORIGINS=https://maps..example", []string{"ALLOWED_ORIGINS", "not a valid name"}},
	{"OPS_TOKEN_FILE=/nowhere/token", []string{"OPS_TOKEN_FILE", "/nowhere/token"}},
	{"LINK_SECRET_PREVIOUS=0123456789abcdef0123456789abhush", []string{"LINK_SECRET_PREVIOUS", "LINK_SECRET"}},
	{"AUTH_MODE=magic", []string{"auth-mode", "magic"}},
}

// config fails with the words of serve, wherever the value comes from, and both exit
// with the code of wrong settings.
func TestWrongSettingsHaveOneErrorAndOneCode(t *testing.T) {
	for _, c := range wrongSettings {
		t.Run(c.set, func(t *testing.T) {
			name, value, _ := strings.Cut(c.set, "=")
			flag := "--" + strings.ToLower(strings.ReplaceAll(name, "_", "-")) + "=" + value
			var first string
			for _, command := range []string{"serve", "config"} {
				for _, by := range []string{"environment", "flag"} {
					env, args := []string{c.set}, []string{command}
					if by == "flag" {
						env, args = nil, append(args, flag)
					}
					out, text, code := execute(t, env, args...)
					if code != exitUsage || out != "" {
						t.Errorf("%s, by %s: exit code %d, output %q", command, by, code, out)
					}
					mentions(t, text, c.want...)
					if strings.Contains(text, "hush") {
						t.Errorf("a secret is shown: %s", text)
					}
					if value == "many" {
						continue // kong names the flag or the variable
					}
					text = strings.ReplaceAll(text, "pitwall: error: "+command+": ", "pitwall: error: ")
					if text, _, _ = strings.Cut(text, "Add --help"); first == "" {
						first = text
					}
					if text != first {
						t.Errorf("%s, by %s:\n%s\nwant:\n%s", command, by, text, first)
					}
				}
			}
		})
	}
}

// HTTP_ADDR with a port alone is told so, without a word of loopback.
func TestAPortAloneIsNotCalledOpen(t *testing.T) {
	_, text, code := execute(t, []string{"HTTP_ADDR=24080"}, "config")
	mentions(t, text, `HTTP_ADDR is "24080", which is only a port`, "127.0.0.1:24080", ":24080")
	if code != exitUsage || strings.Contains(text, "loopback") {
		t.Errorf("exit code %d: %s", code, text)
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		args []string
		want int
	}{
		{"good settings", nil, []string{"config"}, 0},
		{"help", nil, []string{"serve", "--help"}, 0},
		{"the version", nil, []string{"--version"}, 0},
		{"an unknown command", nil, []string{"server"}, exitUsage},
		{"an unknown flag", nil, []string{"config", "--live-flush=1"}, exitUsage},
		{"no settings file", nil, []string{"config", "--env-file=/nowhere/settings"}, exitUsage},
		{"a database that is away", nil, []string{"migrate", "--database-url=postgres://me@127.0.0.1:1/race"}, exitFailed},
		{"the same, by the environment", []string{"DATABASE_URL=postgres://me@127.0.0.1:1/race"}, []string{"migrate"}, exitFailed},
	} {
		if _, text, code := execute(t, c.env, c.args...); code != c.want {
			t.Errorf("%s: exit code %d, want %d: %s", c.name, code, c.want, text)
		}
	}
}

// The last error is written in the format of the log.
func TestTheLastErrorIsInTheFormatOfTheLog(t *testing.T) {
	for name, args := range map[string][]string{
		"LIVE_FLUSH_MS is -1": {"serve", "--live-flush-ms=-1"},
		"unexpected argument": {"server"},
		"DATABASE_URL":        {"migrate", "--database-url=postgres://me@127.0.0.1:1/race"},
	} {
		_, text, code := execute(t, []string{"LOG_FORMAT=json"}, args...)
		var line struct {
			Level, Msg, Error string
			Code              int `json:"exit_code"`
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Errorf("%s: %v in %q", name, err, text)
		}
		if line.Level != "ERROR" || !strings.Contains(line.Error, name) || line.Code != code {
			t.Errorf("%s: %s", name, text)
		}
	}
	if _, text, _ := execute(t, nil, "serve", "--live-flush-ms=-1", "--log-format=json"); !strings.HasPrefix(text, "{") {
		t.Errorf("the flag is ignored: %s", text)
	}
}

// Simulated devices enter a real database only if they are asked to.
func TestTheDemoStaysOutOfARealDatabase(t *testing.T) {
	real := []string{"config", "--simulate=5", "--database-url=postgres://me@127.0.0.1:1/race"}
	_, text, code := execute(t, nil, real...)
	if mentions(t, text, "SIMULATE is 5 and DATABASE_URL is set", "SIMULATE_IN_DATABASE"); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	if _, text, code := execute(t, nil, append(real, "--simulate-in-database")...); code != 0 {
		t.Errorf("asked to: exit code %d: %s", code, text)
	}
}

// The roster goes out and comes back, and the demo can be removed.
func TestRosterCommands(t *testing.T) {
	dir := t.TempDir()
	data, file := "--data-dir="+filepath.Join(dir, "data"), filepath.Join(dir, "roster.csv")
	csv := filepath.Join(dir, "in.csv")
	if err := os.WriteFile(csv, []byte("event_id;name;entry_id;device_id\nrace;Ada;n1;d1\ndemo;;demo-001;sim-001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want []string
		code int
	}{
		{[]string{"import", csv}, []string{`the column "name" is not used`, "imported: 2 rows"}, 0},
		{[]string{"list"}, []string{"EVENT", "race   n1        d1", "demo   demo-001  sim-001"}, 0},
		{[]string{"list", "--event=nowhere"}, []string{`there is no event "nowhere"`}, exitFailed},
		{[]string{"remove"}, []string{"give --event, --entry or --device"}, exitUsage},
		{[]string{"remove", "--event=demo", "--dry-run"}, []string{"nothing was written", "1 event, 1 entry, 1 device"}, 0},
		{[]string{"remove", "--event=demo"}, []string{"removed: 1 event, 1 entry, 1 device"}, 0},
		{[]string{"remove", "--event=demo"}, []string{"nothing in the roster matches"}, exitFailed},
		{[]string{"export", file}, nil, 0},
		{[]string{"export", file}, []string{"create the file"}, exitFailed},
		{[]string{"import", file}, []string{"imported: 1 row; new: 0 events"}, 0},
		{[]string{"export"}, []string{"event_id,entry_id,device_id\nrace,n1,d1\n"}, 0},
	} {
		out, text, code := execute(t, nil, append(append([]string{"roster"}, c.args...), data)...)
		if mentions(t, out+text, c.want...); code != c.code {
			t.Errorf("%q: exit code %d, want %d: %s%s", c.args, code, c.code, out, text)
		}
	}
}

// Variables that look like settings and are none are named, without their values.
func TestVariablesThatLookLikeSettings(t *testing.T) {
	env := []string{"LIVE_FLUSHMS=hush", "DATABASE_URI=hush", "log_level=hush", "ARCHIVE_EVERYTHING=hush", "PITWALL_HTTP_ADDR=hush",
		"PITWALL_SERVICE_HOST=hush", "LIVE_PORT_80_TCP=hush", "HTTP_PROXY=hush", "REDIS_HOST=hush", "PUBLIC_URL=http://x/", "APP_ADDR=hush"}
	_, text, code := execute(t, env, "config")
	mentions(t, text, "LIVE_FLUSHMS is not a setting and is ignored: did you mean LIVE_FLUSH_MS?", "DATABASE_URI", "did you mean DATABASE_URL?",
		"did you mean LOG_LEVEL?", "ARCHIVE_EVERYTHING is not a setting and is ignored\n", "did you mean HTTP_ADDR?")
	if n := strings.Count(text, "\n"); n != 5 || code != 0 || strings.Contains(text, "hush") {
		t.Errorf("%d lines, want 5; exit code %d:\n%s", n, code, text)
	}
}

// Every secret can be in a file, which config names as its source.
func TestSecretsInFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	for _, c := range []struct {
		name, content string
		more          []string
	}{
		{"DATABASE_URL", "postgres://me:hush@db/race", nil},
		{"DATABASE_DIRECT_URL", "postgres://me:hush@db/race", []string{"DATABASE_URL=postgres://db/race"}},
		{"DATABASE_ARCHIVE_URL", "postgres://me:hush@db/race", []string{"DATABASE_URL=postgres://db/race"}},
		{"REDIS_URL", "redis://:hush@redis:6379/0", nil},
		{"EMBEDDED_REDIS_PASSWORD", "hush-0123456789abcdef", nil},
		{"AUTH_URL", "https://me:hush@id.example/me", []string{"AUTH_MODE=http"}},
		{"JWKS_URL", "https://id.example/hush", nil},
		{"AUTHZ_URL", "https://id.example/hush", []string{"AUTH_MODE=jwt", "JWT_SECRET=0123456789abcdef0123456789abcdef"}},
		{"AUTHZ_SQL", "SELECT 'hush'", []string{"AUTH_MODE=jwt", "JWT_SECRET=0123456789abcdef0123456789abcdef"}},
		{"OPS_TOKEN", "hush-0123456789abcdef", nil},
	} {
		if err := os.WriteFile(file, []byte(c.content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, text, code := execute(t, append(c.more, c.name+"_FILE="+file), "config", "--json")
		var list []sourced
		if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 {
			t.Fatalf("%s: exit code %d, %v: %s", c.name, code, err, text)
		}
		for _, s := range list {
			if s.Name == c.name && (s.Source != "file" || !strings.Contains(s.Value, "[redacted]")) {
				t.Errorf("%s is %q from %s", s.Name, s.Value, s.Source)
			}
		}
		if strings.Contains(out+text, "hush") {
			t.Errorf("%s: the secret is shown: %s%s", c.name, out, text)
		}
		_, text, code = execute(t, append(c.more, c.name+"_FILE="+file, c.name+"=x"+c.content), "config")
		if mentions(t, text, c.name+" and "+c.name+"_FILE are both set"); code != exitUsage {
			t.Errorf("%s: set twice, exit code %d", c.name, code)
		}
	}
}
