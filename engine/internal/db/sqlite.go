package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// fileName is the embedded database within DATA_DIR.
const fileName = "pitwall.db"

// readers is the number of connections that only read.
const readers = 4

// sqlite is the Database in the embedded file.
type sqlite struct {
	write *sql.DB // one connection; each transaction takes the write lock when it begins
	read  *sql.DB // read-only, because the operator's access query also runs here
	hub   hub

	migrating sync.Mutex // goose has no lock of its own for SQLite
}

func openSQLite(ctx context.Context, o Options) (*sqlite, error) {
	dir, err := filepath.Abs(o.DataDir)
	if err != nil {
		return nil, fmt.Errorf("DATA_DIR: %w", err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("create the folder of DATA_DIR: %w", err)
	}
	path := filepath.Join(dir, fileName)
	if err := restrictFile(path, o.Logger); err != nil {
		return nil, fmt.Errorf("open the database in DATA_DIR: %w", err)
	}
	s := &sqlite{hub: hub{listeners: map[*listener]bool{}}}
	if s.write, err = openFile(path, url.Values{"_txlock": {"immediate"}}, 1); err != nil {
		return nil, fmt.Errorf("open the database in DATA_DIR: %w", err)
	}
	if s.read, err = openFile(path, url.Values{"_pragma": {"query_only(1)"}}, readers); err != nil {
		s.write.Close()
		return nil, fmt.Errorf("open the database in DATA_DIR: %w", err)
	}
	// Ping uses the writer first: it creates the file.
	if err := s.Ping(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("open the database in DATA_DIR: %w", err)
	}
	return s, nil
}

// restrictFile creates the database file with access for its owner only, whatever the
// umask is; SQLite gives its other files the same mode. It makes existing files private
// if everybody may open them, and leaves files alone that only a group may open.
func restrictFile(path string, log *slog.Logger) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil || info.Mode()&0o007 == 0 {
			continue
		}
		if err := os.Chmod(name, 0o600); err != nil {
			log.Warn("everybody on this machine can open a file of the database in DATA_DIR", "file", name, "error", err)
		}
	}
	return nil
}

// openFile opens a pool of conns connections. synchronous is FULL, because records are
// acknowledged after the commit, which must therefore survive a power cut.
func openFile(path string, params url.Values, conns int) (*sql.DB, error) {
	for _, p := range []string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)"} {
		params.Add("_pragma", p)
	}
	db, err := sql.Open("sqlite", fileURL(path, params))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// fileURL is the URL of a file. A path of Windows begins with a drive (C:), which without
// a slash before it would be the URL's host.
func fileURL(path string, params url.Values) string {
	path = "/" + strings.TrimPrefix(filepath.ToSlash(path), "/")
	name := url.URL{Scheme: "file", Path: path, RawQuery: params.Encode()}
	return name.String()
}

// collectSQLite returns the rows of a query. what describes it in errors.
func collectSQLite[T any](ctx context.Context, db *sql.DB, what string, scan func(*sql.Rows) (T, error), query string, args ...any) (list []T, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		list = append(list, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return list, nil
}

// scanText reads a row with one column of text.
func scanText(rows *sql.Rows) (v string, err error) {
	err = rows.Scan(&v)
	return v, err
}

func (s *sqlite) Kind() string { return "sqlite" }

func (s *sqlite) Ping(ctx context.Context) error {
	for _, db := range []*sql.DB{s.write, s.read} {
		var n int
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n); err != nil {
			return fmt.Errorf("ping SQLite: %w", err)
		}
	}
	return nil
}

func (s *sqlite) Close() {
	s.read.Close()
	s.write.Close()
}
