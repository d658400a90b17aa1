package testenv

import (
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"pitwall/engine/e2e/servers"
)

// PostgresServer is a PostgreSQL server: the one that the tests of the binary share
// (Postgres), or one of a single test. Its methods fail the test that called the
// constructor. A test that stops the shared server must not run in parallel with
// others.
type PostgresServer struct {
	t testing.TB
	c *servers.Cluster
}

// Postgres returns the PostgreSQL server that the tests of the binary share. The first
// call starts it, initdb included. The package's TestMain must call Main, which stops
// it. If the test leaves the server stopped, it is started again when the test ends.
func Postgres(t testing.TB) *PostgresServer {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.main {
		t.Fatal("testenv.Postgres needs a TestMain: func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }")
	}
	if shared.postgres == nil {
		c, err := servers.NewCluster()
		if err != nil {
			t.Fatalf("postgres: %v", err)
		}
		shared.postgres = c
	}
	s := &PostgresServer{t: t, c: shared.postgres}
	t.Cleanup(s.Start)
	return s
}

// NewDatabase creates an empty database on the shared server and returns its
// DATABASE_URL. It is dropped when the test ends, even with clients connected.
func NewDatabase(t testing.TB) string {
	t.Helper()
	// Not from template1: that fails while a client is connected to it.
	return newDatabase(t, "template0")
}

// CopyDatabase creates a database like NewDatabase, as a copy of the template with that
// name. prepare fills the template once per test binary, which is cheaper than filling
// every database. It must close its connections. Use another name for other contents.
func CopyDatabase(t testing.TB, name string, prepare func(url string)) string {
	t.Helper()
	s := Postgres(t)
	shared.mu.Lock()
	if shared.templates == nil {
		shared.templates = map[string]*sync.Once{}
	}
	once := shared.templates[name]
	if once == nil {
		once = new(sync.Once)
		shared.templates[name] = once
	}
	shared.mu.Unlock()
	once.Do(func() {
		s.Query(s.URL(), "CREATE DATABASE "+name+" TEMPLATE template0")
		prepare(s.c.URL(name))
	})
	return newDatabase(t, name)
}

func newDatabase(t testing.TB, template string) string {
	t.Helper()
	s := Postgres(t)
	shared.mu.Lock()
	shared.databases++
	name := fmt.Sprintf("test_%d", shared.databases)
	shared.mu.Unlock()
	s.Query(s.URL(), "CREATE DATABASE "+name+" TEMPLATE "+template)
	t.Cleanup(func() {
		s.Start()
		s.Query(s.URL(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	})
	return s.c.URL(name)
}

// URL returns the URL of the server's maintenance database, for statements about
// databases and roles. Create tables only in a database of NewDatabase.
func (s *PostgresServer) URL() string { return s.c.URL("postgres") }

// SocketDir returns the folder of the server's unix socket; the port is that
// of the URLs.
func (s *PostgresServer) SocketDir() string { return s.c.Dir() }

// Password returns the password in the URLs, for tests that check that it is not
// printed.
func (s *PostgresServer) Password() string { return servers.Password }

// Stop ends the server cleanly: clients are disconnected, data is written out.
func (s *PostgresServer) Stop() { s.end(syscall.SIGINT) }

// Crash ends the server at once, without writing anything out. The next Start
// recovers from the log, as after a crash.
func (s *PostgresServer) Crash() { s.end(syscall.SIGQUIT) }

func (s *PostgresServer) end(sig syscall.Signal) {
	s.t.Helper()
	if err := s.c.End(sig); err != nil {
		s.t.Errorf("stop postgres: %v", err)
	}
}

// Start starts the server again on the same port, and returns when it takes
// connections. It does nothing while the server runs.
func (s *PostgresServer) Start() {
	s.t.Helper()
	if err := startAgain(servers.ReadyWithin, s.c.Start); err != nil {
		s.t.Fatalf("start postgres again: %v", err)
	}
}

// startAgain calls start again while the port is taken, because another process may use
// it for a moment.
func startAgain(within time.Duration, start func() error) (err error) {
	servers.Poll(within, func() bool {
		err = start()
		return !servers.PortTaken(err)
	})
	return err
}

// CutClients ends the sessions of all clients and returns how many there were.
func (s *PostgresServer) CutClients() int {
	s.t.Helper()
	n := 0
	out := s.Query(s.URL(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`)
	if _, err := fmt.Sscan(out, &n); err != nil {
		s.t.Fatalf("cut clients: %q: %v", out, err)
	}
	return n
}

// Query runs SQL on the database at url, in a session of its own and without the code
// that is tested. It returns one line per row with columns separated by |, and fails the
// test on an error.
func (s *PostgresServer) Query(url, sql string) string {
	s.t.Helper()
	out, err := s.c.Query(url, sql)
	if err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return out
}
