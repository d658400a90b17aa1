package db

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

func TestOpenNamesTheSettingAndNoPassword(t *testing.T) {
	const secret = "s3cr%et"
	good := testenv.NewDatabase(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, fileName), 0o700); err != nil {
		t.Fatal(err)
	}
	text := t.TempDir()
	if err := os.WriteFile(filepath.Join(text, fileName), []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"password not encoded", Options{URL: "postgres://u:" + secret + "@127.0.0.1/x"}, "DATABASE_URL is not a PostgreSQL URL"},
		{"port not a number", Options{URL: "postgres://u:12@127.0.0.1:" + secret + "/x"}, "DATABASE_URL is not a PostgreSQL URL"},
		{"another database", Options{URL: "mysql://u:" + secret + "@127.0.0.1/x"}, "DATABASE_URL"},
		{"unknown option", Options{URL: "postgres://127.0.0.1/x?sslmode=" + secret[:4]}, "DATABASE_URL is not a PostgreSQL URL"},
		{"no server", Options{URL: "postgres://u:s3cr@127.0.0.1:1/x"}, "DATABASE_URL"},
		{"unknown role", Options{URL: asRole(t, good, "nobody", "s3cr")}, "DATABASE_URL"},
		{"no such database", Options{URL: strings.Replace(good, "/test_", "/s3none_", 1)}, "DATABASE_URL"},
		{"direct URL", Options{URL: good, DirectURL: "postgres://u:" + secret + "@127.0.0.1/x"}, "DATABASE_DIRECT_URL is not a PostgreSQL URL"},
		{"direct URL alone", Options{DirectURL: good}, "DATABASE_DIRECT_URL is set and DATABASE_URL is not"},
		{"nothing", Options{}, "DATA_DIR is empty"},
		{"a file instead of a folder", Options{DataDir: file}, "DATA_DIR"},
		{"a folder instead of a file", Options{DataDir: folder}, "DATA_DIR"},
		{"a file that is no database", Options{DataDir: text}, "DATA_DIR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Logger = discard
			d, err := Open(t.Context(), tt.o)
			if err == nil {
				d.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the error does not say %q: %v", tt.want, err)
			}
			if strings.Contains(err.Error(), "s3cr") || strings.Contains(err.Error(), testenv.Postgres(t).Password()) {
				t.Errorf("the error holds a password: %v", err)
			}
		})
	}
}

// asRole returns raw with another role and password.
func asRole(t *testing.T, raw, role, password string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, password)
	return u.String()
}

func TestSQLiteFolders(t *testing.T) {
	for _, name := range []string{"new/deep", "with space", "100% #1?a=b&c", "ümlaut"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), name)
			d := migrated(t, Options{DataDir: dir, Logger: discard})
			insert(t, d, full("a", epoch))
			d.Close()
			if _, err := os.Stat(filepath.Join(dir, "pitwall.db")); err != nil {
				t.Error(err)
			}
			if got := lastGood(t, openDatabase(t, Options{DataDir: dir, Logger: discard}), time.Hour); len(got) != 1 {
				t.Errorf("%d positions after opening again, want 1", len(got))
			}
		})
	}
}

// A path of Windows begins with a drive, which must not become the URL's host. A path may
// contain what has a meaning in URLs.
func TestSQLiteURLs(t *testing.T) {
	params := url.Values{"_txlock": {"immediate"}}
	for path, want := range map[string]string{
		"/var/lib/pitwall/p.db": "file:///var/lib/pitwall/p.db?_txlock=immediate",
		"C:/Users/a b/p.db":     "file:///C:/Users/a%20b/p.db?_txlock=immediate",
		"/data?x#y/p.db":        "file:///data%3Fx%23y/p.db?_txlock=immediate",
	} {
		if got := fileURL(path, params); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// The settings make a commit survive a power cut.
func TestSQLiteIsDurable(t *testing.T) {
	d := openDatabase(t, Options{DataDir: t.TempDir(), Logger: discard}).(*sqlite)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000"} {
		var got string
		if err := d.write.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %s", pragma, got, err, want)
		}
	}
}

// No state may stay on a session: a pooler in transaction mode may give the next
// statement another one.
func TestNoSessionStateIsLeft(t *testing.T) {
	d := openDatabase(t, Options{URL: migratedURL(t) + "&pool_max_conns=1", Logger: discard}).(*postgres)
	query := func(sql string) (out string) {
		t.Helper()
		if err := d.pool.QueryRow(t.Context(), sql).Scan(&out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	const state = `SELECT (SELECT count(*)::text FROM pg_prepared_statements)
		|| ' ' || (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory')
		|| ' ' || (SELECT count(*) FROM pg_listening_channels()) || ' ' || current_setting('jit') || ' ' || current_setting('enable_seqscan')`
	before := query(state)
	session := query("SELECT pg_backend_pid()::text")
	p := full("a", epoch)
	insert(t, d, p)
	insert(t, d, p, change(p, func(p *codec.Position) { p.Lat++ }))
	lastGood(t, d, 0)
	importRows(t, d, false, RosterRow{2, "E1", "n1", "d1"})
	roster(t, d)
	if err := errors.Join(d.CheckSchema(t.Context()), d.Ping(t.Context())); err != nil {
		t.Error(err)
	}
	if got := query("SELECT pg_backend_pid()::text"); got != session {
		t.Errorf("session %s, before %s: the pool used another session, so the test shows nothing", got, session)
	}
	if after := query(state); after != before {
		t.Errorf("session state %q, before %q", after, before)
	}
	if !strings.HasPrefix(before, "0 0 0") {
		t.Errorf("session state %q from the start", before)
	}
}
