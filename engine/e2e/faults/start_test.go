package faults

import (
	"net"
	"strings"
	"testing"

	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// refusesToStart: a process that cannot work refuses to start, names the setting to
// change, and never prints a password.
func refusesToStart(t *testing.T, bin string) {
	good := newStack(t, 1)
	notMigrated := testenv.NewDatabase(t)
	incomplete := newStack(t, 1)
	incomplete.SQL("ALTER TABLE positions DROP COLUMN faulty CASCADE") // with its trigger
	locked := testenv.Redis(t)
	locked.Do("CONFIG", "SET", "requirepass", "opensesame")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()

	for _, tt := range []struct {
		name  string
		flags []string
		want  []string
	}{
		{"database not migrated", []string{"--database-url=" + notMigrated}, []string{"pitwall migrate"}},
		{"a column is missing", []string{"--database-url=" + incomplete.URL}, []string{"pitwall migrate", "positions.faulty", "0002_positions_faulty.sql"}},
		{"database not there", []string{"--database-url=postgres://u:s3cret@127.0.0.1:1/x"}, []string{"DATABASE_URL"}},
		{"a role that may only read", []string{"--database-url=" + good.URL + "&default_transaction_read_only=on"},
			[]string{"DATABASE_URL", "default_transaction_read_only"}},
		{"database URL malformed", []string{"--database-url=postgres://u:s3cret@:x:y/"}, []string{"DATABASE_URL"}},
		{"database's direct URL malformed", []string{"--database-direct-url=postgres://u:s3cret@:x:y/"}, []string{"DATABASE_DIRECT_URL"}},
		{"database's archive URL malformed", []string{"--database-archive-url=postgres://u:s3cret@:x:y/"}, []string{"DATABASE_ARCHIVE_URL"}},
		{"pool too large", []string{"--database-connections=1001"}, []string{"DATABASE_CONNECTIONS", "1001", "0 to 1000"}},
		{"Redis not there", []string{"--redis-url=redis://u:s3cret@127.0.0.1:1"}, []string{"REDIS_URL"}},
		{"Redis URL malformed", []string{"--redis-url=redis://u:s3cret@127.0.0.1:x:y"}, []string{"REDIS_URL"}},
		{"Redis URL of another protocol", []string{"--redis-url=http://u:s3cret@127.0.0.1:1"}, []string{"REDIS_URL"}},
		{"Redis wants another password", []string{"--redis-url=redis://:s3cret@" + locked.Addr()}, []string{"REDIS_URL"}},
		{"HTTP_ADDR taken", []string{"--http-addr=" + address}, []string{"HTTP_ADDR", address}},
		{"OPS_ADDR taken", []string{"--ops-addr=" + address}, []string{"OPS_ADDR", address}},
		{"EMBEDDED_REDIS_ADDR taken", []string{"--redis-url=", "--embedded-redis-addr=" + address}, []string{"EMBEDDED_REDIS_ADDR", address}},
		{"HTTP_ADDR open to all", []string{"--http-addr=0.0.0.0:0"}, []string{"HTTP_ADDR", "0.0.0.0:0", "loopback", "AUTH_ALLOW_ANONYMOUS"}},
		{"number too small", []string{"--live-flush-ms=-1"}, []string{"LIVE_FLUSH_MS", "-1", "0 to"}},
		{"number too large", []string{"--live-shards=65"}, []string{"LIVE_SHARDS", "65", "0 to 64"}},
		{"two wrong at once", []string{"--live-flush-ms=-1", "--archive-batch=0"}, []string{"LIVE_FLUSH_MS", "ARCHIVE_BATCH", "1 to"}},
		{"stream named twice", []string{"--telemetry-streams=a,a"}, []string{"TELEMETRY_STREAMS", `"a"`}},
		{"not a time", []string{"--archive-min-ts=soon"}, []string{"ARCHIVE_MIN_TS", "soon", "RFC 3339"}},
		{"retention without partitions", []string{"--archive-retention-months=6"}, []string{"ARCHIVE_RETENTION_MONTHS", "6", "pitwall partition enable"}},
		{"nothing to do", []string{"--no-live", "--no-archive"}, []string{"LIVE_ENABLED", "ARCHIVE_ENABLED"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := runProgram(t, bin, nil, append([]string{"serve"}, good.Flags(tt.flags...)...)...)
			wantRefusal(t, p, tt.want...)
		})
	}
	if good.Redis.Do("EXISTS", e2etest.Stream) == int64(1) { // made before the ports are bound, which is the last step
		if groups := good.Redis.Do("XINFO", "GROUPS", e2etest.Stream).([]any); len(groups) != 0 {
			t.Errorf("refused starts left the groups %v", groups)
		}
	}
	if keys := good.Redis.Do("KEYS", "pitwall:*").([]any); len(keys) != 0 {
		t.Errorf("refused starts left %v in Redis", keys)
	}
}

// refusesEnvironment is the same for settings from the environment: the refusal names
// the variable, not its flag.
func refusesEnvironment(t *testing.T, bin string) {
	for _, tt := range []struct {
		name, value string
		want        []string
	}{
		{"LIVE_FLUSH_MS", "-1", []string{"LIVE_FLUSH_MS", "-1", "0 to"}},
		{"LIVE_FLUSH_MS", "fast", []string{"LIVE_FLUSH_MS", "fast"}},
		{"LIVE_ENABLED", "perhaps", []string{"LIVE_ENABLED", "perhaps"}},
		{"LOG_LEVEL", "loud", []string{"LOG_LEVEL", "loud", "debug"}},
		{"ARCHIVE_RETENTION_MONTHS", "6", []string{"ARCHIVE_RETENTION_MONTHS", "6", "DATABASE_URL"}},
		{"REDIS_URL", "redis://u:s3cret@127.0.0.1:x:y", []string{"REDIS_URL"}},
	} {
		t.Run(tt.name+"="+tt.value, func(t *testing.T) {
			p := runProgram(t, bin, []string{tt.name + "=" + tt.value}, "serve",
				"--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--embedded-redis-addr=127.0.0.1:0")
			wantRefusal(t, p, tt.want...)
		})
	}
}

// wantRefusal waits for a process that refuses to start, and checks what it
// prints.
func wantRefusal(t *testing.T, p *process, want ...string) {
	t.Helper()
	code := p.wait()
	said := p.output()
	if code <= 0 {
		t.Errorf("exit code %d, want one that says that it failed", code)
	}
	for _, text := range want {
		if !strings.Contains(said, text) {
			t.Errorf("%q is not named in:\n%s", text, said)
		}
	}
	if n := strings.Count(said, "--"); n > 20 {
		t.Errorf("the reason comes after a help text with %d flags:\n%s", n, said)
	}
	for _, secret := range []string{"s3cret", "opensesame", "not-to-be-printed"} {
		if strings.Contains(said, secret) {
			t.Errorf("a password is printed:\n%s", said)
		}
	}
}
