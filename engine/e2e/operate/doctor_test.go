package operate

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"pitwall/engine"
	"pitwall/engine/admin/doctor"
	"pitwall/engine/e2e/e2etest"
	"pitwall/engine/internal/testenv"
)

// examine runs the command doctor for an engine with these flags.
func examine(t *testing.T, flags ...string) []doctor.Finding {
	t.Helper()
	cfg := e2etest.MustSettings(t, append([]string{"--live-max-connections=1000"}, flags...)...)
	return doctor.Run(t.Context(), &cfg, engine.Check(&cfg))
}

// wantFinding requires a finding with all of the texts.
func wantFinding(t *testing.T, list []doctor.Finding, severity doctor.Severity, check string, texts ...string) {
	t.Helper()
	for _, f := range list {
		all := f.Severity == severity && f.Check == check && (severity == doctor.OK || f.Do != "")
		for _, text := range texts {
			all = all && strings.Contains(f.Found+"\n"+f.Do, text)
		}
		if all {
			return
		}
	}
	t.Errorf("no %s of %s with %q in\n%s", severity, check, texts, show(list))
}

// wantWorst requires the exit code.
func wantWorst(t *testing.T, list []doctor.Finding, want int) {
	t.Helper()
	if got := doctor.Worst(list); got != want {
		t.Errorf("exit code %d, want %d\n%s", got, want, show(list))
	}
}

func show(list []doctor.Finding) string {
	var b strings.Builder
	_ = doctor.Print(list, false, &b) // a Builder never fails
	return b.String()
}

// In an installation without a fault every finding is ok, before the start and while a
// process runs.
func TestDoctorWhenAllIsFine(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	list := examine(t, s.Flags()...)
	wantWorst(t, list, 0)
	for check, text := range map[string]string{
		"settings": "allowed", "port of OPS_ADDR": "free", "port of HTTP_ADDR": "free", "open files": "limit", "Redis": "Redis 7.", "Redis memory": "noeviction",
		"Redis persistence": "yes", "rights in Redis": "rights that are needed", "stream " + e2etest.Stream: "empty",
		"PostgreSQL": "is reachable", "rights in PostgreSQL": "may", "schema": "unique index", "triggers": "notified", "clocks": "PostgreSQL",
	} {
		wantFinding(t, list, doctor.OK, check, text)
	}
	e := s.Start()
	s.Add("device_id", e2etest.Device(0), "lat", "1", "lon", "2")
	s.Eventually("the row", func() bool { return s.Number("SELECT count(*) FROM positions") == 1 && !s.Pending() })
	list = examine(t, s.Flags("--ops-addr="+e.Ops, "--http-addr="+e.HTTP)...)
	wantWorst(t, list, 0)
	wantFinding(t, list, doctor.OK, "port of HTTP_ADDR", "a process of Pitwall answers")
	wantFinding(t, list, doctor.OK, "stream "+e2etest.Stream, "1 records")
}

// A Redis that may delete keys, or that keeps nothing on disk, is reported, and so is
// one that is almost full.
func TestDoctorOfRedis(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	s.Redis.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	s.Redis.Do("CONFIG", "SET", "appendonly", "no")
	list := examine(t, s.Flags()...)
	wantWorst(t, list, 1)
	wantFinding(t, list, doctor.Warning, "Redis memory", "allkeys-lru", "noeviction")
	wantFinding(t, list, doctor.Warning, "Redis persistence", "appendonly is no")
	s.Redis.Do("CONFIG", "SET", "maxmemory", "25mb")
	list = examine(t, s.Flags()...)
	wantWorst(t, list, 2)
	wantFinding(t, list, doctor.Error, "Redis memory", "allkeys-lru", "deletes the stream")
	s.Redis.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	s.Redis.Do("SETRANGE", "ballast", fmt.Sprint(22<<20), "x")
	wantFinding(t, examine(t, s.Flags()...), doctor.Warning, "Redis memory", "a full Redis takes no record", "raise maxmemory")
}

// A login or a role that lacks rights is reported with the rights that it lacks.
func TestDoctorOfRights(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	s.Redis.Do("ACL", "SETUSER", "weak", "on", ">secret", "~"+e2etest.Stream, "+@all", "-xreadgroup", "-info")
	s.SQL("CREATE ROLE weak LOGIN PASSWORD 'weak'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO weak")
	t.Cleanup(func() { s.SQL("DROP OWNED BY weak CASCADE; DROP ROLE weak") })
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("weak", "weak")
	s.RedisURL, s.DatabaseURL = "redis://weak:secret@"+s.Redis.Addr(), u.String()
	list := examine(t, s.Flags()...)
	wantWorst(t, list, 2)
	wantFinding(t, list, doctor.Error, "rights in Redis", "+xreadgroup ~"+e2etest.Stream, "+xadd ~"+e2etest.Stream+":dead", "ACL SETUSER")
	wantFinding(t, list, doctor.Warning, "Redis", "+info")
	wantFinding(t, list, doctor.Error, "rights in PostgreSQL", "INSERT on positions (for the archive)", "INSERT on pitwall_clocks", "GRANT")
	if text := show(list); strings.Contains(text, "secret@") || strings.Contains(text, ":weak@") {
		t.Errorf("a password is shown:\n%s", text)
	}
}

// A database without migrations, an index or triggers is reported, and so is a pooler
// without a direct URL.
func TestDoctorOfTheDatabase(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	s.SQL("DROP INDEX positions_device_ts_idx; ALTER TABLE entries DISABLE TRIGGER ALL")
	list := examine(t, s.Flags()...)
	wantFinding(t, list, doctor.Error, "schema", "UNIQUE index on positions", "CREATE UNIQUE INDEX")
	wantFinding(t, list, doctor.Warning, "triggers", "changes of entries:", "pitwall migrate")

	s.DatabaseURL = testenv.NewDatabase(t)
	list = examine(t, s.Flags()...)
	wantWorst(t, list, 2)
	wantFinding(t, list, doctor.Error, "schema", "0001_tables.sql", "run pitwall migrate")
	wantFinding(t, examine(t, s.Flags("--migrate")...), doctor.OK, "schema", "serve applies at start")
}

// Servers that do not answer are reported, with the setting, and without waiting long.
func TestDoctorOfUnreachableServers(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	redis, database := s.ProxyRedis(), s.ProxyDatabase()
	s.Redis.Stop()
	list := examine(t, s.Flags("--database-url=postgres://pitwall:hush@127.0.0.1:1/x")...)
	wantWorst(t, list, 2)
	wantFinding(t, list, doctor.Error, "Redis", "REDIS_URL", "start the server")
	wantFinding(t, list, doctor.Error, "PostgreSQL", "DATABASE_URL", "connection refused")
	if strings.Contains(show(list), "hush") {
		t.Errorf("a password is shown:\n%s", show(list))
	}
	s.Redis.Start()
	redis.Stall()
	database.Stall()
	begin := time.Now()
	list = examine(t, s.Flags()...)
	wantFinding(t, list, doctor.Error, "Redis", "REDIS_URL")
	wantFinding(t, list, doctor.Error, "PostgreSQL", "DATABASE_URL")
	if took := time.Since(begin); took > 45*time.Second {
		t.Errorf("two silent servers took %v", took)
	}
}

// An archive that cannot keep up with the trimming of a stream is reported, before and
// after records are lost. So are dead letters.
func TestDoctorOfAStream(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	at := time.Now().UnixMilli() - 600_000
	add := func(seconds int) {
		s.Redis.Do("XADD", e2etest.Stream, fmt.Sprintf("%d-1", at+int64(seconds)*1000), "device_id", "d", "lat", "1", "lon", "2")
	}
	check := "stream " + e2etest.Stream
	for i := range 300 {
		add(i)
	}
	s.Redis.Do("XGROUP", "CREATE", e2etest.Stream, e2etest.Group, fmt.Sprintf("%d-1", at+200_000))
	list := examine(t, s.Flags()...)
	wantFinding(t, list, doctor.Warning, check, "1m39s behind")
	s.Redis.Do("XTRIM", e2etest.Stream, "MAXLEN", "110")
	wantFinding(t, examine(t, s.Flags()...), doctor.Error, check, "the stream keeps only 1m49s", "larger MAXLEN")
	s.Redis.Do("XREADGROUP", "GROUP", e2etest.Group, "c", "STREAMS", e2etest.Stream, ">")
	s.Redis.Do("XTRIM", e2etest.Stream, "MAXLEN", "10")
	s.Redis.Do("XADD", e2etest.Stream+":dead", "*", "reason", "x")
	list = examine(t, s.Flags()...)
	wantFinding(t, list, doctor.Error, check, "those are lost")
	wantFinding(t, list, doctor.Warning, check, "1 dead letters", "pitwall dead list")
}

// Each wrong setting is a finding of its own, and a port that another program has is one.
func TestDoctorOfSettingsAndPorts(t *testing.T) {
	s := e2etest.NewStack(t, 1)
	cfg := e2etest.MustSettings(t, s.Flags("--http-addr="+s.Redis.Addr())...)
	cfg.FlushMS, cfg.OpsToken = -1, "short"
	list := doctor.Run(t.Context(), &cfg, errors.Join(engine.Check(&cfg)))
	wantWorst(t, list, 2)
	wantFinding(t, list, doctor.Error, "settings", "LIVE_FLUSH_MS is -1")
	wantFinding(t, list, doctor.Error, "settings", "OPS_TOKEN has 5 bytes")
	wantFinding(t, list, doctor.Error, "port of HTTP_ADDR", "another process has "+s.Redis.Addr())
}
