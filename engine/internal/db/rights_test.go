package db

import (
	"strings"
	"testing"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

// If the role may only read the tables of the platform, the error of the migration says
// how to work without triggers. Then everything except an import works.
func TestWithoutRightsOnPlatformTables(t *testing.T) {
	pg, url := testenv.Postgres(t), testenv.NewDatabase(t)
	pg.Query(url, `
		CREATE TABLE events (id uuid PRIMARY KEY);
		CREATE TABLE entries (id uuid PRIMARY KEY, event_id uuid NOT NULL);
		CREATE TABLE entry_devices (entry_id uuid, device_id text);
		INSERT INTO events VALUES ('00000000-0000-4000-8000-000000000001');
		CREATE ROLE reader LOGIN PASSWORD 'reader';
		GRANT USAGE, CREATE ON SCHEMA public TO reader;
		GRANT SELECT ON events, entries, entry_devices TO reader`)
	t.Cleanup(func() { pg.Query(url, "DROP OWNED BY reader CASCADE; DROP ROLE reader") })
	as := asRole(t, url, "reader", "reader")

	_, err := openDatabase(t, Options{URL: as, Logger: discard}).Migrate(t.Context())
	if err == nil || !strings.Contains(err.Error(), "0003_notify.sql") || !strings.Contains(err.Error(), "NOTIFY_TRIGGERS=false") {
		t.Errorf("with triggers: %v", err)
	}
	d := migrated(t, Options{URL: as, Logger: discard, NoTriggers: true})
	if err := d.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	if got := roster(t, d); len(got.Events) != 1 {
		t.Errorf("roster %v, want one event", got)
	}
	if r := insert(t, d, full("a", epoch)); r.Inserted != 1 {
		t.Errorf("insert: %+v", r)
	}
	const id = "00000000-0000-4000-8000-000000000001"
	if _, err := d.ImportRoster(t.Context(), []RosterRow{{2, id, id, "d1"}}, false); err == nil {
		t.Error("an import without the right to write succeeded")
	}
}

// These rights suffice for a process that does not migrate, import rosters or make
// months. The README of the archive lists them.
func TestLeastRights(t *testing.T) {
	pg, url := testenv.Postgres(t), migratedURL(t)
	openDatabase(t, Options{URL: url, Logger: discard})
	pg.Query(url, `CREATE ROLE least LOGIN PASSWORD 'least';
		GRANT SELECT ON events, entries, entry_devices, pitwall_events, pitwall_members, pitwall_revocations TO least;
		GRANT SELECT, INSERT ON positions, pitwall_extras, pitwall_clocks TO least`)
	t.Cleanup(func() { pg.Query(url, "DROP OWNED BY least CASCADE; DROP ROLE least") })
	d := openDatabase(t, Options{URL: asRole(t, url, "least", "least"), Logger: discard})
	if err := d.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	sos := change(full("a", epoch), func(p *codec.Position) { p.Attributes = `{"alarm":"sos"}` })
	if r := insert(t, d, full("a", epoch), sos, sos); r.Inserted != 1 || r.Extras != 1 || r.Duplicates != 1 {
		t.Errorf("insert: %+v", r)
	}
	if err := d.SaveClocks(t.Context(), []shard.Clock{{Device: "b", Since: epoch, Offset: -week}}); err != nil {
		t.Error(err)
	}
	if got, err := d.Clocks(t.Context(), []string{"b"}); err != nil || len(got) != 1 {
		t.Errorf("clocks: %v, %v", got, err)
	}
	if got := lastGood(t, d, 0); len(got) != 1 {
		t.Errorf("last positions: %v", got)
	}
	if roster(t, d); t.Failed() {
		return
	}
	if _, err := d.PublicEvents(t.Context()); err != nil {
		t.Error(err)
	}
}
