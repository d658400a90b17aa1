package e2etest

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
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

	// RedisURL and DatabaseURL are given to engines: tests may put a proxy in
	// between.
	RedisURL, DatabaseURL string
}

// NewStack starts the servers, migrates the database, and enters devices in Event, from
// Device(0) on.
func NewStack(t testing.TB, devices int) *Stack {
	t.Helper()
	database := testenv.CopyDatabase(t, "migrated", func(url string) {
		c := config.Database{DatabaseURL: config.SecretURL(url), NotifyTriggers: true}
		if err := admin.MigrateUp(t.Context(), c, slog.New(slog.DiscardHandler), io.Discard); err != nil {
			t.Fatal(err)
		}
	})
	s := &Stack{T: t, Redis: testenv.Redis(t, testenv.AOF()), PG: testenv.Postgres(t), URL: database}
	s.RedisURL, s.DatabaseURL = s.Redis.URL(), s.URL
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

// Number runs a statement that returns an integer.
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

// group returns what a server says of the archive's group on a stream, nil while there
// is none.
func group(server *testenv.RedisServer, stream string) any {
	reply, _ := server.Try("XINFO", "GROUPS", stream) // no stream is no group
	list, _ := reply.([]any)
	for _, g := range list {
		if Field(g, "name") == Group {
			return g
		}
	}
	return nil
}

// Drained reports whether the archive has acknowledged all that a server has of a
// stream.
func Drained(server *testenv.RedisServer, stream string) bool {
	info, err := server.Try("XINFO", "STREAM", stream)
	g := group(server, stream)
	return err == nil && Field(g, "last-delivered-id") == Field(info, "last-generated-id") && Field(g, "pending") == "0"
}

// Pending reports whether the archive was given entries that it has not
// acknowledged.
func (s *Stack) Pending() bool {
	g := group(s.Redis, Stream)
	return g != nil && Field(g, "pending") != "0"
}

// Delivered is the id up to which the archive was given the stream, "" before
// there is a group.
func (s *Stack) Delivered() string { return Field(group(s.Redis, Stream), "last-delivered-id") }

// Field returns a value of a reply that alternates names and values, as text; "" where
// there is none.
func Field(reply any, name string) string {
	list, _ := reply.([]any)
	for i := 0; i+1 < len(list); i += 2 {
		if list[i] == name {
			return fmt.Sprint(list[i+1])
		}
	}
	return ""
}

// Eventually waits for a condition.
func (s *Stack) Eventually(what string, cond func() bool) {
	s.T.Helper()
	testenv.Eventually(s.T, Patience, what, cond)
}

// Flags are those of an engine of the stack: its servers, free ports, and a short
// shutdown. Later flags win.
func (s *Stack) Flags(more ...string) []string {
	return slices.Concat(ownFlags, []string{"--redis-url=" + s.RedisURL, "--database-url=" + s.DatabaseURL,
		"--live-device-event-refresh-ms=500"}, more)
}

// Launch starts an engine and does not wait for it. It is stopped with the test.
func (s *Stack) Launch(more ...string) *Engine {
	s.T.Helper()
	return launch(s.T, s.Flags(more...))
}

// Start launches an engine and waits until it is ready.
func (s *Stack) Start(more ...string) *Engine {
	s.T.Helper()
	return start(s.T, s.Flags(more...))
}
