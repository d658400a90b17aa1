package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"pitwall/engine"
	"pitwall/engine/internal/testenv"
)

// faultPatience bounds every wait of these tests. Nothing waits for it when
// all is well.
const faultPatience = 60 * time.Second

// faultEvent is the event that the devices of these tests take part in.
const faultEvent = "race"

// faultStream is the default stream key, faultGroup the archive's group on it.
const (
	faultStream = "telemetry:t"
	faultGroup  = "durable-write"
)

// faultSite is where an engine is put: a redis-server that forgets nothing and
// a migrated database with a roster.
type faultSite struct {
	t     *testing.T
	redis *testenv.RedisServer
	pg    *testenv.PostgresServer
	url   string // of the database

	redisURL, databaseURL string // the way the engine takes; past a proxy in some tests
}

// newFaultSite enters the given number of devices, faultDevice(0) and up, in
// faultEvent.
func newFaultSite(t *testing.T, devices int) *faultSite {
	t.Helper()
	s := &faultSite{t: t, redis: testenv.Redis(t, testenv.AOF()), pg: testenv.Postgres(t), url: testenv.NewDatabase(t)}
	s.redisURL, s.databaseURL = s.redis.URL(), s.url
	c := engine.DatabaseConfig{DatabaseURL: engine.SecretURL(s.url), NotifyTriggers: true}
	if err := engine.MigrateUp(t.Context(), c, slog.New(slog.DiscardHandler), io.Discard); err != nil {
		t.Fatal(err)
	}
	s.sql(fmt.Sprintf(`INSERT INTO events VALUES ('%[1]s');
		INSERT INTO entries SELECT 'n-' || i, '%[1]s' FROM generate_series(0, %[2]d) i;
		INSERT INTO entry_devices SELECT 'n-' || i, 'd-' || lpad(i::text, 4, '0') FROM generate_series(0, %[2]d) i`,
		faultEvent, devices-1))
	return s
}

// partition makes positions a table of monthly partitions, without a month as
// yet.
func (s *faultSite) partition() {
	s.t.Helper()
	c := engine.DatabaseConfig{DatabaseURL: engine.SecretURL(s.url)}
	if err := engine.EnablePartitions(s.t.Context(), c, slog.New(slog.DiscardHandler), io.Discard); err != nil {
		s.t.Fatal(err)
	}
}

func faultDevice(n int) string { return fmt.Sprintf("d-%04d", n) }

// sql runs statements on the site's database, past everything of ours.
func (s *faultSite) sql(text string) string {
	s.t.Helper()
	return s.pg.Query(s.url, text)
}

// number is sql for a statement that returns one.
func (s *faultSite) number(text string) int {
	s.t.Helper()
	n, err := strconv.Atoi(s.sql(text))
	if err != nil {
		s.t.Fatalf("%s: %v", text, err)
	}
	return n
}

// add publishes one record and returns its id.
func (s *faultSite) add(fields ...string) string {
	s.t.Helper()
	return s.redis.Do(append([]string{"XADD", faultStream, "*"}, fields...)...).(string)
}

// stallable puts a proxy between the engine and the database.
func (s *faultSite) stallable() *testenv.TCPProxy {
	s.t.Helper()
	u, err := url.Parse(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	proxy := testenv.Proxy(s.t, u.Host)
	u.Host = proxy.Addr()
	s.databaseURL = u.String()
	return proxy
}

// pending is how many entries the archive was given and has not acknowledged.
func (s *faultSite) pending() int64 {
	s.t.Helper()
	reply, ok := s.redis.Do("XPENDING", faultStream, faultGroup).([]any)
	if !ok || len(reply) == 0 {
		s.t.Fatalf("XPENDING answers %v", reply)
	}
	n, _ := reply[0].(int64)
	return n
}

// delivered is the id up to which the archive was given the stream, "" before
// there is a group.
func (s *faultSite) delivered() string {
	s.t.Helper()
	for _, group := range s.redis.Do("XINFO", "GROUPS", faultStream).([]any) {
		if faultField(group, "name") == faultGroup {
			return faultField(group, "last-delivered-id")
		}
	}
	return ""
}

// faultField returns a text of a reply that alternates names and values.
func faultField(reply any, name string) string {
	list, _ := reply.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		if list[i] == name {
			text, _ := list[i+1].(string)
			return text
		}
	}
	return ""
}

// eventually waits for a condition with faultPatience.
func (s *faultSite) eventually(what string, cond func() bool) {
	s.t.Helper()
	testenv.Eventually(s.t, faultPatience, what, cond)
}

// flags are what every engine of the site is started with: its servers, any
// ports, and a shutdown that does not dally. Later flags win.
func (s *faultSite) flags(more ...string) []string {
	return append([]string{
		"--redis-url=" + s.redisURL, "--database-url=" + s.databaseURL, "--http-addr=127.0.0.1:0",
		"--ops-addr=127.0.0.1:0", "--live-drain-ms=200", "--live-device-event-refresh-ms=500",
	}, more...)
}

// faultEngine is an engine that runs in this process.
type faultEngine struct {
	faultAddrs
	engine *engine.Engine
	log    *faultLog
	cancel context.CancelFunc
	done   chan struct{}
	err    error // of Run, once done is closed
}

// launch starts an engine and waits for nothing. It is stopped with the test.
func (s *faultSite) launch(more ...string) *faultEngine {
	s.t.Helper()
	var cfg engine.Config
	k, err := kong.New(&cfg)
	if err == nil {
		_, err = k.Parse(s.flags(more...))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	e := &faultEngine{log: new(faultLog), done: make(chan struct{})}
	if e.engine, err = engine.New(cfg, slog.New(e.log)); err != nil {
		s.t.Fatal(err)
	}
	var ctx context.Context
	ctx, e.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(e.done)
		e.err = e.engine.Run(ctx)
	}()
	s.t.Cleanup(func() { _ = e.stop() })
	return e
}

// start launches an engine and waits until it is ready.
func (s *faultSite) start(more ...string) *faultEngine {
	s.t.Helper()
	e := s.launch(more...)
	limit := time.NewTimer(faultPatience)
	defer limit.Stop()
	select {
	case <-e.engine.Ready():
	case <-e.done:
		s.t.Fatalf("the engine did not start: %v", e.err)
	case <-limit.C:
		s.t.Fatalf("the engine is not ready; its log:\n%s", e.log)
	}
	e.faultAddrs = faultAddrs{http: e.engine.HTTPAddr(), ops: e.engine.OpsAddr()}
	return e
}

// stop asks for the end, waits for it and returns Run's error.
func (e *faultEngine) stop() error {
	e.cancel()
	limit := time.NewTimer(2 * faultPatience)
	defer limit.Stop()
	select {
	case <-e.done:
		return e.err
	case <-limit.C:
		return errors.New("the engine does not stop")
	}
}

// faultAddrs are where an engine or a process of Pitwall listens.
type faultAddrs struct{ http, ops string }

// faultHTTP keeps no connections, so that no goroutine outlives a test.
var faultHTTP = &http.Client{Timeout: faultPatience, Transport: &http.Transport{DisableKeepAlives: true}}

// get asks the private listener.
func (a faultAddrs) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	answer, err := faultHTTP.Get("http://" + a.ops + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// metric adds up all metrics of a name, whatever their labels if it has none. A name that is
// not there fails the test.
func (a faultAddrs) metric(t *testing.T, name string) int {
	t.Helper()
	_, text := a.get(t, "/metrics")
	sum, found := 0.0, false
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), name)
		if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err != nil {
			t.Fatalf("metric line %q: %v", line, err)
		}
		sum, found = sum+v, true
	}
	if !found {
		t.Fatalf("there is no metric %s", name)
	}
	return int(sum)
}

// wantMetric compares a metric.
func (a faultAddrs) wantMetric(t *testing.T, name string, want int) {
	t.Helper()
	if got := a.metric(t, name); got != want {
		t.Errorf("%s is %d, want %d", name, got, want)
	}
}
