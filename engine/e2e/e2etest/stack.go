package e2etest

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"testing"

	"pitwall/engine/admin"
	"pitwall/engine/config"
	"pitwall/engine/internal/testenv"
)

const (
	// Event is the event that the devices of a Stack take part in.
	Event = "race"
	// Stream is the default stream key.
	Stream = "telemetry:t"
	// Group is the archive's consumer group on Stream.
	Group = "durable-write"
)

// Stack is what engines run on: a redis-server that keeps everything over a
// restart, and a migrated database with a roster. Its methods are for the
// test's goroutine.
type Stack struct {
	T     testing.TB
	Redis *testenv.RedisServer
	PG    *testenv.PostgresServer
	URL   string // of the database

	// RedisURL and DatabaseURL are what engines are given: some tests put a
	// proxy in between.
	RedisURL, DatabaseURL string
}

// NewStack enters so many devices, Device(0) and up, in Event.
func NewStack(t testing.TB, devices int) *Stack {
	t.Helper()
	s := &Stack{T: t, Redis: testenv.Redis(t, testenv.AOF()), PG: testenv.Postgres(t), URL: testenv.NewDatabase(t)}
	s.RedisURL, s.DatabaseURL = s.Redis.URL(), s.URL
	c := config.Database{DatabaseURL: config.SecretURL(s.URL), NotifyTriggers: true}
	if err := admin.MigrateUp(t.Context(), c, slog.New(slog.DiscardHandler), io.Discard); err != nil {
		t.Fatal(err)
	}
	s.SQL(fmt.Sprintf(`INSERT INTO events VALUES ('%[1]s');
		INSERT INTO entries SELECT 'n-' || i, '%[1]s' FROM generate_series(0, %[2]d) i;
		INSERT INTO entry_devices SELECT 'n-' || i, 'd-' || lpad(i::text, 4, '0') FROM generate_series(0, %[2]d) i`,
		Event, devices-1))
	return s
}

// Device is the name of a Stack's device.
func Device(n int) string { return fmt.Sprintf("d-%04d", n) }

// SQL runs statements on the database, past the engine.
func (s *Stack) SQL(text string) string {
	s.T.Helper()
	return s.PG.Query(s.URL, text)
}

// Number is SQL for a statement that returns an integer.
func (s *Stack) Number(text string) int {
	s.T.Helper()
	n, err := strconv.Atoi(s.SQL(text))
	if err != nil {
		s.T.Fatalf("%s: %v", text, err)
	}
	return n
}

// Add publishes one record and returns its id.
func (s *Stack) Add(fields ...string) string {
	s.T.Helper()
	return s.Redis.Do(append([]string{"XADD", Stream, "*"}, fields...)...).(string)
}

// ProxyDatabase puts a proxy between engines and the database.
func (s *Stack) ProxyDatabase() *testenv.TCPProxy {
	s.T.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		s.T.Fatal(err)
	}
	proxy := testenv.Proxy(s.T, u.Host)
	u.Host = proxy.Addr()
	s.DatabaseURL = u.String()
	return proxy
}

// ProxyRedis puts a proxy between engines and Redis.
func (s *Stack) ProxyRedis() *testenv.TCPProxy {
	s.T.Helper()
	proxy := testenv.Proxy(s.T, s.Redis.Addr())
	s.RedisURL = "redis://" + proxy.Addr()
	return proxy
}

// Pending is how many entries the archive was given and has not acknowledged.
func (s *Stack) Pending() int64 {
	s.T.Helper()
	reply, ok := s.Redis.Do("XPENDING", Stream, Group).([]any)
	if !ok || len(reply) == 0 {
		s.T.Fatalf("XPENDING answers %v", reply)
	}
	n, _ := reply[0].(int64)
	return n
}

// Delivered is the id up to which the archive was given the stream, "" before
// there is a group.
func (s *Stack) Delivered() string {
	s.T.Helper()
	for _, group := range s.Redis.Do("XINFO", "GROUPS", Stream).([]any) {
		if Field(group, "name") == Group {
			return Field(group, "last-delivered-id")
		}
	}
	return ""
}

// Last is the id that the stream gave out last.
func (s *Stack) Last() string {
	s.T.Helper()
	return Field(s.Redis.Do("XINFO", "STREAM", Stream), "last-generated-id")
}

// Field returns a text of a reply that alternates names and values, "" where
// there is none.
func Field(reply any, name string) string {
	list, _ := reply.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		if list[i] == name {
			text, _ := list[i+1].(string)
			return text
		}
	}
	return ""
}

// Eventually waits for a condition.
func (s *Stack) Eventually(what string, cond func() bool) {
	s.T.Helper()
	testenv.Eventually(s.T, Patience, what, cond)
}

// Flags are those of every engine of the stack: its servers, free ports, and a
// short shutdown. Later flags win.
func (s *Stack) Flags(more ...string) []string {
	return append(append([]string{"--redis-url=" + s.RedisURL, "--database-url=" + s.DatabaseURL,
		"--live-drain-ms=200", "--live-device-event-refresh-ms=500"}, freePorts...), more...)
}

// Launch starts an engine and does not wait for it. It is stopped with the
// test.
func (s *Stack) Launch(more ...string) *Engine {
	s.T.Helper()
	e, err := Launch(MustSettings(s.T, s.Flags(more...)...), new(Log))
	if err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(func() { _ = e.Stop() }) // tests that look at the error stop it themselves
	return e
}

// Start launches an engine and waits until it is ready.
func (s *Stack) Start(more ...string) *Engine {
	s.T.Helper()
	e := s.Launch(more...)
	if err := e.AwaitReady(); err != nil {
		s.T.Fatalf("the engine did not start: %v; its log:\n%s", err, e.Log)
	}
	return e
}
