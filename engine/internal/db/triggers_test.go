package db

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"testing"

	"github.com/pressly/goose/v3"

	"pitwall/engine/internal/testenv"
)

// wantNoneBefore checks that the next notification is the one that it sends itself, so
// earlier steps sent none.
func (e *listenCall) wantNoneBefore(pg *testenv.PostgresServer, url, what string) {
	e.t.Helper()
	pg.Query(url, "NOTIFY pitwall_roster, 'after "+what+"'")
	if got := <-e.received; got != "pitwall_roster after "+what {
		e.t.Errorf("%s: received %q, want nothing", what, got)
	}
}

// Updates that change nothing relevant do not notify; others do.
func TestTriggersNotifyOnlyChanges(t *testing.T) {
	pg, url := testenv.Postgres(t), testenv.NewDatabase(t)
	pg.Query(url, `CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
		CREATE TABLE events (id text COLLATE nocase PRIMARY KEY, name text, more json);
		CREATE TABLE entries (id int, event_id text, seen timestamptz);
		CREATE TABLE entry_devices (entry_id int, device_id uuid) PARTITION BY HASH (entry_id);
		CREATE TABLE entry_devices_0 PARTITION OF entry_devices FOR VALUES WITH (MODULUS 2, REMAINDER 0);
		CREATE TABLE entry_devices_1 PARTITION OF entry_devices FOR VALUES WITH (MODULUS 2, REMAINDER 1);
		INSERT INTO events (id, name, more) VALUES ('E', 'Rally', '{}'), ('F', NULL, NULL);
		INSERT INTO entries VALUES (1, 'E'), (2, NULL);
		INSERT INTO entry_devices SELECT n, '00000000-0000-4000-8000-000000000001' FROM generate_series(1, 9) n`)
	e := startListen(t, migrated(t, Options{URL: url, Logger: discard}), ChannelRoster, ChannelAccess)
	for _, statement := range []string{
		"UPDATE events SET id = id, name = 'Stage', more = '[]'",
		"UPDATE entries SET seen = now(), id = id, event_id = event_id",
		"UPDATE entry_devices SET device_id = device_id",
		"UPDATE events SET id = 'X' WHERE false",
		"DELETE FROM entries WHERE id > 99",
		"INSERT INTO events (id) SELECT 'X' WHERE false",
		"INSERT INTO events (id, name) VALUES ('E', 'Final') ON CONFLICT (id) DO UPDATE SET id = excluded.id, name = excluded.name",
		"INSERT INTO events (id) VALUES ('E') ON CONFLICT DO NOTHING",
		"UPDATE entries SET id = 3 - id, event_id = CASE id WHEN 1 THEN NULL ELSE 'E' END", // the rows changed places
	} {
		pg.Query(url, statement)
	}
	e.wantNoneBefore(pg, url, "the roster")
	for _, statement := range []string{
		"UPDATE events SET id = 'e' WHERE id = 'E'", // equal to the collation
		"UPDATE entries SET event_id = 'F' WHERE event_id IS NULL",
		"UPDATE entries SET event_id = NULL WHERE event_id = 'F'",
		"UPDATE entry_devices SET entry_id = entry_id + 10", // from one partition to the other
		"INSERT INTO events (id) VALUES ('E'), ('G') ON CONFLICT (id) DO UPDATE SET name = 'x'",
		"DELETE FROM entry_devices WHERE entry_id = 11",
		"TRUNCATE entries",
		"TRUNCATE entry_devices",
	} {
		pg.Query(url, statement)
		e.wantNotification("pitwall_roster ")
	}

	pg.Query(url, `INSERT INTO pitwall_events (event_id, public) VALUES ('E', true)`)
	e.wantNotification("pitwall_access ")
	for _, statement := range []string{
		"UPDATE pitwall_events SET public = true",
		"INSERT INTO pitwall_events (event_id, public) VALUES ('E', true) ON CONFLICT (event_id) DO UPDATE SET public = excluded.public",
		"DELETE FROM pitwall_members",
		"UPDATE pitwall_revocations SET expires_at = now()",
	} {
		pg.Query(url, statement)
	}
	e.wantNoneBefore(pg, url, "access")
	for _, statement := range []string{
		"UPDATE pitwall_events SET public = false",
		"INSERT INTO pitwall_members VALUES ('u', 'E')",
		"INSERT INTO pitwall_revocations VALUES ('t', now())",
		"UPDATE pitwall_revocations SET expires_at = expires_at + interval '1 h'",
		"TRUNCATE pitwall_members",
	} {
		pg.Query(url, statement)
		e.wantNotification("pitwall_access ")
	}
}

// The platform can change the type or the name of a column in its own tables. The
// triggers then notify of every change that they cannot compare.
func TestTriggersDoNotBlockSchemaChanges(t *testing.T) {
	pg, url := testenv.Postgres(t), migratedURL(t)
	e := startListen(t, openDatabase(t, Options{URL: url, Logger: discard}), ChannelRoster)
	pg.Query(url, `ALTER TABLE entries ALTER COLUMN event_id TYPE bigint USING 7; ALTER TABLE entries ADD COLUMN bib int`)
	pg.Query(url, "INSERT INTO entries VALUES ('n', 7)")
	e.wantNotification("pitwall_roster ")
	pg.Query(url, "UPDATE entries SET bib = 1")
	e.wantNoneBefore(pg, url, "another type")
	pg.Query(url, "UPDATE entries SET event_id = 8")
	e.wantNotification("pitwall_roster ")
	pg.Query(url, "UPDATE entries SET bib = 1; ALTER TABLE entries ALTER COLUMN event_id TYPE text; UPDATE entries SET bib = 2")
	e.wantNoneBefore(pg, url, "another type in the session of the first")
	pg.Query(url, "UPDATE entries SET bib = 1; ALTER TABLE entries DROP COLUMN bib, ADD COLUMN bib int; UPDATE entries SET event_id = 'x'")
	e.wantNotification("pitwall_roster ")
	pg.Query(url, "ALTER TABLE entries RENAME COLUMN event_id TO race")
	if got := pg.Query(url, "UPDATE entries SET bib = 2 RETURNING bib"); got != "2" {
		t.Errorf("an UPDATE after a column was renamed returns %q", got)
	}
	e.wantNotification("pitwall_roster ")
}

// migrateTo migrates up or down to a version.
func migrateTo(t *testing.T, d Database, to func(p *goose.Provider, ctx context.Context, version int64) ([]*goose.MigrationResult, error), version int64) {
	t.Helper()
	err := d.(*postgres).withProvider(func(p *goose.Provider, _ *sql.DB) error {
		_, err := to(p, t.Context(), version)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// triggersOn lists Pitwall's triggers with their tables.
func triggersOn(pg *testenv.PostgresServer, url string) string {
	return pg.Query(url, `SELECT string_agg(tgrelid::regclass || '.' || tgname, ' ' ORDER BY tgrelid::regclass::text, tgname)
		FROM pg_trigger WHERE tgname LIKE 'pitwall%' AND NOT tgisinternal`)
}

// A database with older triggers gets the new ones instead, and migrating down
// restores the old ones. A table that became a view is left alone.
func TestTriggersAreUpgraded(t *testing.T) {
	pg, url := testenv.Postgres(t), testenv.NewDatabase(t)
	log := &sharedLog{}
	d := openDatabase(t, Options{URL: url, Logger: log.logger()}).(*postgres)
	d.checkEvery = 0
	migrateTo(t, d, (*goose.Provider).UpTo, 5)
	before := triggersOn(pg, url)
	e := startListen(t, d, ChannelRoster, ChannelAccess)
	pg.Query(url, "INSERT INTO entries VALUES ('n', 'E')")
	e.wantNotification("pitwall_roster ")
	pg.Query(url, "UPDATE entries SET id = id")
	e.wantNotification("pitwall_roster ") // as those of 0003 do

	pg.Query(url, "DROP TABLE events; CREATE VIEW events AS SELECT 'E'::text AS id")
	if applied, err := d.Migrate(t.Context()); err != nil || !slices.Equal(applied, allFiles[5:]) {
		t.Fatalf("applied %v, %v; want %v", applied, err, allFiles[5:])
	}
	pg.Query(url, "UPDATE entries SET id = id; INSERT INTO pitwall_members SELECT 'u', 'E' WHERE false")
	e.wantNoneBefore(pg, url, "the upgrade")
	pg.Query(url, "UPDATE entries SET id = 'm'")
	e.wantNotification("pitwall_roster ")

	pg.Query(url, "DROP VIEW events; CREATE TABLE events (id text PRIMARY KEY)")
	migrateTo(t, d, (*goose.Provider).DownTo, 5)
	if after := triggersOn(pg, url); after != before {
		t.Errorf("after migrating down the triggers are\n%s\nwant\n%s", after, before)
	}
	pg.Query(url, "UPDATE entries SET id = id")
	e.wantNotification("pitwall_roster ")
}

// NOTIFY_TRIGGERS=false adds no triggers to the tables of the platform, but to those
// of access, which are Pitwall's own.
func TestNoTriggersOnPlatformTables(t *testing.T) {
	pg, url := testenv.Postgres(t), testenv.NewDatabase(t)
	migrated(t, Options{URL: url, Logger: discard, NoTriggers: true})
	const platform = `SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('events'::regclass, 'entries'::regclass, 'entry_devices'::regclass, 'positions'::regclass)`
	if n := pg.Query(url, platform); n != "0" {
		t.Errorf("%s triggers on the platform's tables, want none: %s", n, triggersOn(pg, url))
	}
	migrated(t, Options{URL: url, Logger: discard})
	if n := pg.Query(url, platform); n != fmt.Sprint(3*4+1) {
		t.Errorf("%s triggers on the platform's tables once they are wanted, want 13: %s", n, triggersOn(pg, url))
	}
}
