package db

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

// oddSettings are settings of a role that change the meaning of statements, the format
// of values, or when a session ends.
var oddSettings = []string{
	"DateStyle = 'SQL, DMY'", "TimeZone = 'Asia/Kathmandu'", "IntervalStyle = 'sql_standard'", "extra_float_digits = -15",
	"client_encoding = 'LATIN1'", "standard_conforming_strings = off", "escape_string_warning = on", "quote_all_identifiers = on",
	"array_nulls = off", "client_min_messages = 'error'", "bytea_output = 'escape'", "transform_null_equals = on",
	"default_transaction_isolation = 'serializable'", "default_transaction_deferrable = on", "lock_timeout = '1ms'",
	"idle_in_transaction_session_timeout = '1ms'", "idle_session_timeout = '2s'", "plan_cache_mode = 'force_generic_plan'",
	"lc_messages = 'C'", "row_security = on", "search_path = public, pg_catalog",
}

// Odd settings of the role change the result of no operation, directly and through
// PgBouncer.
func TestOddSettingsOfTheRole(t *testing.T) {
	for _, way := range []string{"direct", "direct, arrays as text", "through PgBouncer"} {
		t.Run(way, func(t *testing.T) {
			pg, raw := testenv.Postgres(t), testenv.NewDatabase(t)
			u, err := url.Parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range oddSettings {
				pg.Query(pg.URL(), "ALTER ROLE "+u.User.Username()+" IN DATABASE "+strings.TrimPrefix(u.Path, "/")+" SET "+s)
			}
			o := Options{URL: raw, DirectURL: raw, Logger: discard}
			switch way {
			case "direct, arrays as text":
				o.URL += "&description_cache_capacity=0"
			case "through PgBouncer":
				o.URL = testenv.PgBouncer(t, raw)
			}
			operations(t, o)
		})
	}
}

// A short statement_timeout of the role does not apply to reads, migrations and
// commands of an operator.
func TestTimeLimitOfTheRole(t *testing.T) {
	pg, raw := testenv.Postgres(t), testenv.NewDatabase(t)
	pg.Query(raw, "CREATE ROLE hurried LOGIN SUPERUSER; ALTER ROLE hurried SET statement_timeout = '100ms'")
	t.Cleanup(func() { pg.Query(raw, "DROP OWNED BY hurried CASCADE; DROP ROLE hurried") })
	as := asRole(t, raw, "hurried", "x")
	d := migrated(t, Options{URL: as, Logger: discard})
	pg.Query(raw, `INSERT INTO events VALUES ('E'); INSERT INTO pitwall_events VALUES ('E', true);
		CREATE FUNCTION slow(text) RETURNS text LANGUAGE sql AS $$ SELECT $1 FROM pg_sleep(0.3) $$;
		ALTER TABLE events RENAME TO events_before;
		CREATE VIEW events AS SELECT slow(id) AS id FROM events_before`)
	if r := roster(t, d); len(r.Events) != 1 {
		t.Errorf("roster %+v", r)
	}
	if may, err := d.MayWatch(t.Context(), "SELECT 1 FROM pg_sleep(0.3) WHERE $1 <> $2", "u", "e"); err != nil || !may {
		t.Errorf("who may watch: %t, %v", may, err)
	}
}

// operations runs every operation and compares the results.
func operations(t *testing.T, o Options) {
	t.Helper()
	begin := time.Now()
	d := migrated(t, o)
	ctx := t.Context()
	list, err := d.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if !m.Applied || m.At.Before(begin.Add(-time.Minute)) || m.At.After(time.Now().Add(time.Minute)) {
			t.Errorf("%s was applied at %v, want now", m.Name, m.At)
		}
	}
	for name, err := range map[string]error{"schema": d.CheckSchema(ctx), "rights": d.CheckWritable(ctx, true), "ping": d.Ping(ctx)} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if done, err := d.EnablePartitions(ctx); err != nil || !done {
		t.Fatalf("enable partitions: %t, %v", done, err)
	}
	makeMonths(t, d, "2025-04", "2025-05", "2025-06")
	if err := d.CheckRetention(ctx); err != nil {
		t.Error(err)
	}
	e := startListen(t, d, ChannelRoster)
	importRows(t, d, false, RosterRow{2, "Grüße", "n1", "\\x 'e'"})
	e.wantNotification("pitwall_roster ")
	want := shard.Roster{Events: []string{"Grüße"}, Pairs: []shard.Pair{{Device: "\\x 'e'", Event: "Grüße"}}}
	if diff := cmp.Diff(want, roster(t, d)); diff != "" {
		t.Errorf("roster (-want +got):\n%s", diff)
	}
	first := change(full("a", epoch), func(p *codec.Position) { p.Speed, p.Lon = 1.0/3, -7.123456789012345 })
	sos := change(first, func(p *codec.Position) { p.Attributes = `{"alarm":"s\\os"}` })
	if r := insert(t, d, first, sos, bare("b", epoch), bare("NULL", epoch)); r.Inserted != 3 || r.Extras != 1 {
		t.Errorf("insert: %+v", r)
	}
	if r := insert(t, d, first, sos); r.Duplicates != 2 {
		t.Errorf("a repeat: %+v", r)
	}
	if r := insert(t, d, change(first, func(p *codec.Position) { p.Lat++ })); len(r.Conflicts) != 1 {
		t.Errorf("a conflict: %+v", r)
	}
	got := lastGood(t, d, time.Hour)["a"]
	if got.Attributes = ""; cmp.Diff(change(first, func(p *codec.Position) { p.Attributes = "" }), got) != "" {
		t.Errorf("the last position is %+v, want %+v", got, first)
	}
	clock := shard.Clock{Device: "a", Since: epoch, Offset: -week}
	if err := d.SaveClocks(ctx, []shard.Clock{clock}); err != nil {
		t.Error(err)
	}
	if clocks, err := d.Clocks(ctx, []string{"a"}); err != nil || len(clocks) != 1 || clocks[0] != clock {
		t.Errorf("clocks: %v, %v", clocks, err)
	}
	accessOperations(t, d)
	if months, err := d.DetachPartitions(ctx, instantOf(t, "2025-05")); err != nil || fmt.Sprint(months) != "[positions_2025_04]" {
		t.Errorf("detached %v, %v", months, err)
	}
}

func accessOperations(t *testing.T, d Database) {
	t.Helper()
	ctx := t.Context()
	exec(t, d, "INSERT INTO pitwall_events (event_id, public) VALUES ('Grüße', true)")
	exec(t, d, "INSERT INTO pitwall_members (user_id, event_id) VALUES ('u', 'e')")
	if events, err := d.PublicEvents(ctx); err != nil || strings.Join(events, " ") != "Grüße" {
		t.Errorf("public events %q, %v", events, err)
	}
	if err := d.Revoke(ctx, "t1", time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if err := d.Revoke(ctx, "t2", time.Now().Add(-2*revocationMargin)); err != nil {
		t.Error(err)
	}
	if ids, err := d.Revocations(ctx); err != nil || strings.Join(ids, " ") != "t1" {
		t.Errorf("revocations %q, %v", ids, err)
	}
	for query, want := range map[string]bool{"": true, "SELECT now() > now() - interval '1 day' WHERE $1 <> $2": true,
		"SELECT extract(epoch FROM interval '1 day') WHERE $1 <> $2": true, "SELECT 0 WHERE $1 = $2": false} {
		if may, err := d.MayWatch(ctx, query, "u", "e"); err != nil || may != want {
			t.Errorf("%q: %t, %v; want %t", query, may, err, want)
		}
	}
}
