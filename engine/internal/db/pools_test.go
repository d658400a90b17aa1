package db

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

// All connections of the archive wait for a lock on positions. Roster, access and
// revocations still work, also when both pools share the sessions of one PgBouncer
// user, or have an alias each.
func TestWaitingInsertsBlockNothingElse(t *testing.T) {
	for _, way := range []string{"direct", "one pool of PgBouncer", "an alias of PgBouncer for the archive"} {
		t.Run(way, func(t *testing.T) {
			pg, raw := testenv.Postgres(t), testenv.NewDatabase(t)
			u, err := url.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimPrefix(u.Path, "/")
			o := Options{URL: raw, DirectURL: raw, Logger: discard}
			switch way {
			case "one pool of PgBouncer":
				o.URL = pg.PgBouncer(5, nil)(raw)
			case "an alias of PgBouncer for the archive":
				host, port := u.Hostname(), u.Port()
				through := pg.PgBouncer(insertConns, map[string]string{"archive": "host=" + host + " port=" + port + " dbname=" + name})
				o.URL, o.ArchiveURL = through(raw), through(strings.Replace(raw, "/"+name+"?", "/archive?", 1))
			}
			d := migrated(t, o).(*postgres)
			exec(t, d, "INSERT INTO pitwall_members (user_id, event_id) VALUES ('u', 'e')")
			unlock := lockPositions(t, raw)
			ctx, cancel := context.WithCancel(t.Context())
			var inserts sync.WaitGroup
			defer inserts.Wait()
			defer cancel()
			for i := range 2 * insertConns {
				inserts.Go(func() {
					for ctx.Err() == nil { // as the archive does, without its pauses
						if _, err := d.InsertPositions(ctx, []codec.Position{full(fmt.Sprint("d", i), epoch)}); err == nil {
							return
						}
					}
				})
			}
			const waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'INSERT INTO positions%'"
			testenv.Eventually(t, within, "all connections of the archive to wait", func() bool {
				return pg.Query(raw, waiting) == fmt.Sprint(insertConns)
			})
			if may, err := d.MayWatch(t.Context(), "", "u", "e"); err != nil || !may {
				t.Errorf("who may watch: %t, %v", may, err)
			}
			roster(t, d)
			if _, err := d.PublicEvents(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := d.Revocations(t.Context()); err != nil {
				t.Error(err)
			}
			unlock()
			inserts.Wait()
			if got := pg.Query(raw, "SELECT count(*) FROM positions"); got != fmt.Sprint(2*insertConns) {
				t.Errorf("%s rows, want %d", got, 2*insertConns)
			}
		})
	}
}

// lockPositions locks the table as CREATE INDEX does, until the returned function is
// called.
func lockPositions(t *testing.T, url string) (unlock func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	once := sync.OnceFunc(func() { conn.Close(context.Background()) })
	t.Cleanup(once)
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE positions IN SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	return once
}

// An insert gives up waiting for a lock, so that its session is free for others. Its
// error is of the kind that is retried.
func TestInsertGivesUpWaitingForALock(t *testing.T) {
	raw := migratedURL(t)
	for _, role := range []string{"", "&lock_timeout=1h"} { // the setting of the transaction has precedence
		d := openDatabase(t, Options{URL: raw + role, Logger: discard}).(*postgres)
		d.lockTimeout = time.Millisecond
		unlock := lockPositions(t, raw)
		_, err := d.InsertPositions(t.Context(), []codec.Position{full("a", epoch)})
		if sqlState(err) != "55P03" || Classify(err) != FailureRetry {
			t.Errorf("with %q an insert that waits for a lock returns %v, want SQLSTATE 55P03", role, err)
		}
		unlock()
		d.Close()
	}
}

// The pools have the configured sizes.
func TestPoolSizes(t *testing.T) {
	raw := testenv.NewDatabase(t)
	for _, tt := range []struct {
		o             Options
		live, archive int32
	}{
		{Options{URL: raw + "&pool_max_conns=7"}, 7, 7},
		{Options{URL: raw + "&pool_max_conns=7", ArchiveURL: raw}, 7, insertConns},
		{Options{URL: raw + "&pool_max_conns=7", ArchiveURL: raw + "&pool_max_conns=3"}, 7, 3},
		{Options{URL: raw, Conns: 2, ArchiveConns: 9}, 2, 9},
	} {
		tt.o.Logger = discard
		d := openDatabase(t, tt.o).(*postgres)
		if live, archive := d.pool.Config().MaxConns, d.inserts.Config().MaxConns; live != tt.live || archive != tt.archive {
			t.Errorf("%+v: pools of %d and %d, want %d and %d", tt.o, live, archive, tt.live, tt.archive)
		}
	}
}

// The archive must write to the table that is read.
func TestArchiveURLOfAnotherTable(t *testing.T) {
	raw, other := testenv.NewDatabase(t), testenv.NewDatabase(t)
	migrated(t, Options{URL: other, Logger: discard})
	migrated(t, Options{URL: raw, Logger: discard})
	testenv.Postgres(t).Query(raw, "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.positions (LIKE positions INCLUDING ALL)")
	for archive, good := range map[string]bool{raw: true, other: false, raw + "&search_path=elsewhere,public": false} {
		err := openDatabase(t, Options{URL: raw, ArchiveURL: archive, Logger: discard}).CheckSchema(t.Context())
		if (err == nil) != good || !good && !strings.Contains(err.Error(), "DATABASE_ARCHIVE_URL") {
			t.Errorf("%s: %v", archive, err)
		}
	}
}
