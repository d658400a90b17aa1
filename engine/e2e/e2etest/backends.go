package e2etest

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"

	"pitwall/engine/internal/testenv"
)

// Backends are the servers below an engine.
type Backends struct {
	Name  string   // "real" or "embedded"
	Flags []string // make an engine use them
	Redis string   // host:port; "" when the engine has its own
	DB    *sql.DB  // the database, without the engine
}

// RealBackends are redis-server and PostgreSQL. The roster is refreshed every 30 s: what
// a test sees earlier has come by NOTIFY.
func RealBackends(t testing.TB) *Backends {
	t.Helper()
	r := testenv.Redis(t)
	url := testenv.NewDatabase(t)
	return &Backends{
		Name: "real", Redis: r.Addr(), DB: openDB(t, "pgx", url),
		Flags: []string{"--redis-url=" + r.URL(), "--database-url=" + url},
	}
}

// EmbeddedBackends are those of an engine that was given no servers. SQLite
// does not notify of changes made from outside, so the roster is refreshed
// often.
func EmbeddedBackends(t testing.TB) *Backends {
	t.Helper()
	dir := t.TempDir()
	file := url.URL{Scheme: "file", Path: filepath.Join(dir, "pitwall.db"),
		RawQuery: url.Values{"_pragma": {"busy_timeout(10000)"}}.Encode()}
	return &Backends{
		Name: "embedded", DB: openDB(t, "sqlite", file.String()),
		Flags: []string{"--data-dir=" + dir, "--embedded-redis-addr=127.0.0.1:0", "--live-device-event-refresh-ms=100"},
	}
}

// openDB uses the drivers that internal/db registers.
func openDB(t testing.TB, driver, name string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	return db
}
