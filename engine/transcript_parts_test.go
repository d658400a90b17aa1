package engine

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"pitwall/engine/internal/testenv"
)

// parts are the servers that a story runs on.
type parts struct {
	name  string
	flags []string // of pitwall serve, to use them
	redis string   // host:port; "" when the engine brings its own
	db    *sql.DB  // looks into the database from outside
}

// realParts are redis-server and PostgreSQL. The map is refreshed every 30 s,
// by default: that it changes sooner is the work of NOTIFY.
func realParts(t *testing.T) *parts {
	r := testenv.Redis(t)
	url := testenv.NewDatabase(t)
	return &parts{
		name: "real", redis: r.Addr(), db: openDB(t, "pgx", url),
		flags: []string{"--redis-url=" + r.URL(), "--database-url=" + url},
	}
}

// embeddedParts are those of an engine that was given no servers. SQLite
// tells nobody of changes made from outside, so the map is refreshed often.
func embeddedParts(t *testing.T) *parts {
	dir := t.TempDir()
	file := url.URL{Scheme: "file", Path: filepath.Join(dir, "pitwall.db"),
		RawQuery: url.Values{"_pragma": {"busy_timeout(10000)"}}.Encode()}
	return &parts{
		name: "embedded", db: openDB(t, "sqlite", file.String()),
		flags: []string{"--data-dir=" + dir, "--embedded-redis-addr=127.0.0.1:0", "--live-device-event-refresh-ms=100"},
	}
}

// openDB uses the drivers that internal/db has registered.
func openDB(t *testing.T, driver, name string) *sql.DB {
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

// settings parses a command line as cmd/pitwall does, so that what is not
// given has the real default.
func settings(flags ...string) (Config, error) {
	var c Config
	k, err := kong.New(&c, kong.Name("pitwall serve"), kong.Exit(func(int) {}))
	if err != nil {
		return c, fmt.Errorf("read the settings: %w", err)
	}
	_, err = k.Parse(flags)
	return c, err
}

// serving is an engine that runs.
type serving struct {
	engine *Engine
	cancel context.CancelFunc
	done   chan struct{}
	err    error // of Run, once done is closed
}

// serve starts an engine and waits until it is ready.
func serve(log *logs, flags []string) (*serving, error) {
	cfg, err := settings(flags...)
	if err != nil {
		return nil, err
	}
	e, err := New(cfg, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &serving{engine: e, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = e.Run(ctx)
	}()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-e.Ready():
		return s, nil
	case <-s.done:
		cancel()
		if s.err == nil {
			s.err = errors.New("the engine ended without a word before it was ready")
		}
		return nil, s.err
	case <-limit.C:
		return nil, errors.Join(errors.New("the engine is not ready"), s.stop())
	}
}

// stop asks the engine to stop and waits until it has.
func (s *serving) stop() error {
	s.cancel()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-s.done:
		return s.err
	case <-limit.C:
		return errors.New("the engine does not stop")
	}
}

// logs is what the engines of a story have logged.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// errors are the lines of level ERROR: a story has none.
func (l *logs) errors() []string {
	var out []string
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, "level=ERROR") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}
