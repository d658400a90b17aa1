package db

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"pitwall/engine/internal/testenv"
	"pitwall/shard"
)

// roster loads the roster, sorted.
func roster(t *testing.T, d Database) shard.Roster {
	t.Helper()
	r, err := d.LoadRoster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(r.Events)
	slices.SortFunc(r.Pairs, func(a, b shard.Pair) int {
		return cmp.Or(cmp.Compare(a.Event, b.Event), cmp.Compare(a.Device, b.Device))
	})
	return r
}

// pairs makes pairs of device, event, device, event and so on.
func pairs(ids ...string) []shard.Pair {
	var out []shard.Pair
	for i := 0; i < len(ids); i += 2 {
		out = append(out, shard.Pair{Device: ids[i], Event: ids[i+1]})
	}
	return out
}

func importRows(t *testing.T, d Database, dryRun bool, rows ...RosterRow) ImportResult {
	t.Helper()
	r, err := d.ImportRoster(t.Context(), rows, dryRun)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestImportRoster(t *testing.T) {
	first := []RosterRow{{2, "E1", "n1", "d1"}, {3, "E1", "n1", "d2"}, {4, "E2", "n2", "d1"}, {5, "E2", "n2", "d1"}}
	wantFirst := shard.Roster{Events: []string{"E1", "E2"}, Pairs: pairs("d1", "E1", "d2", "E1", "d1", "E2")}
	conform(t, func(t *testing.T, d Database) {
		if got := diff.Diff(shard.Roster{}, roster(t, d)); got != "" {
			t.Errorf("an empty database (-want +got):\n%s", got)
		}
		steps := []struct {
			name   string
			dryRun bool
			rows   []RosterRow
			want   ImportResult
			roster shard.Roster
		}{
			{"dry run", true, first, ImportResult{Rows: 4, Events: 2, Entries: 2, Devices: 3}, shard.Roster{}},
			{"first", false, first, ImportResult{Rows: 4, Events: 2, Entries: 2, Devices: 3}, wantFirst},
			{"again", false, first, ImportResult{Rows: 4}, wantFirst},
			{"move in a dry run", true, []RosterRow{{2, "E3", "n1", "d3"}}, ImportResult{Rows: 1, Events: 1, Moved: 1, Devices: 1}, wantFirst},
			{"move", false, []RosterRow{{2, "E3", "n1", "d3"}}, ImportResult{Rows: 1, Events: 1, Moved: 1, Devices: 1},
				shard.Roster{Events: []string{"E1", "E2", "E3"}, Pairs: pairs("d1", "E2", "d1", "E3", "d2", "E3", "d3", "E3")}},
			{"nothing", false, nil, ImportResult{}, shard.Roster{Events: []string{"E1", "E2", "E3"},
				Pairs: pairs("d1", "E2", "d1", "E3", "d2", "E3", "d3", "E3")}},
		}
		for _, s := range steps {
			if got := diff.Diff(s.want, importRows(t, d, s.dryRun, s.rows...)); got != "" {
				t.Errorf("%s: result (-want +got):\n%s", s.name, got)
			}
			if got := diff.Diff(s.roster, roster(t, d)); got != "" {
				t.Errorf("%s: roster (-want +got):\n%s", s.name, got)
			}
		}
	})
}

func TestImportRosterWritesNothingWhenARowIsBad(t *testing.T) {
	conform(t, func(t *testing.T, d Database) {
		_, err := d.ImportRoster(t.Context(), []RosterRow{{2, "E1", "n1", "d1"}, {3, "E2", "n1", "d2"}, {9, "", "n3", "d\x00"}}, false)
		if err == nil {
			t.Fatal("no error")
		}
		for _, want := range []string{"line 3, column event_id: entry n1", "line 9, column event_id: empty", `line 9, column device_id: "d\x00"`} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error does not say %q: %v", want, err)
			}
		}
		if got := roster(t, d); len(got.Events)+len(got.Pairs) > 0 {
			t.Errorf("rows were written despite the error: %v", got)
		}
	})
}

// platformTables creates roster tables with ids of the given types, without a unique
// constraint on entry_devices.
func platformTables(t *testing.T, id, device string) (Database, *testenv.PostgresServer, string) {
	t.Helper()
	pg, url := testenv.Postgres(t), testenv.NewDatabase(t)
	pg.Query(url, fmt.Sprintf(`
		CREATE TABLE events (id %[1]s PRIMARY KEY, name text);
		CREATE TABLE entries (id %[1]s PRIMARY KEY, event_id %[1]s NOT NULL REFERENCES events);
		CREATE TABLE entry_devices (entry_id %[1]s REFERENCES entries, device_id %[2]s)`, id, device))
	return migrated(t, Options{URL: url, Logger: discard}), pg, url
}

func TestRosterWithIDsOfOtherTypes(t *testing.T) {
	uuid := func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", n) }
	const upper = "ABCDEF00-0000-4000-8000-000000000001"
	tests := []struct {
		id, device string
		rows       []RosterRow
		want       shard.Roster
	}{
		{"uuid", "text", []RosterRow{{2, upper, uuid(2), "d1"}, {3, strings.ToLower(upper), uuid(2), "d2"}},
			shard.Roster{Events: []string{strings.ToLower(upper)}, Pairs: pairs("d1", strings.ToLower(upper), "d2", strings.ToLower(upper))}},
		{"uuid", "uuid", []RosterRow{{2, uuid(1), uuid(2), uuid(3)}},
			shard.Roster{Events: []string{uuid(1)}, Pairs: pairs(uuid(3), uuid(1))}},
		{"integer", "bigint", []RosterRow{{2, "1", "2", "300000000000"}, {3, "01", "3", "7"}},
			shard.Roster{Events: []string{"1"}, Pairs: pairs("300000000000", "1", "7", "1")}},
		{"varchar(3)", "varchar(20)", []RosterRow{{2, "äöü", "n1", "d1"}},
			shard.Roster{Events: []string{"äöü"}, Pairs: pairs("d1", "äöü")}},
	}
	for _, tt := range tests {
		t.Run(tt.id+" "+tt.device, func(t *testing.T) {
			d, _, _ := platformTables(t, tt.id, tt.device)
			importRows(t, d, false, tt.rows...)
			if r := importRows(t, d, false, tt.rows...); r.changed() {
				t.Errorf("a second import changed something: %+v", r)
			}
			if got := diff.Diff(tt.want, roster(t, d)); got != "" {
				t.Errorf("roster (-want +got):\n%s", got)
			}
		})
	}
}

func TestImportNamesEveryRowThatDoesNotFitTheTypes(t *testing.T) {
	rows := make([]RosterRow, 200)
	for i := range rows {
		rows[i] = RosterRow{Line: i + 2, EventID: "1", EntryID: fmt.Sprint(i), DeviceID: fmt.Sprint("d", i)}
	}
	rows[17].EventID = "one"
	rows[55].EntryID = "99999999999"
	rows[120].EntryID = "5x"
	rows[121].DeviceID = "much too long"
	d, _, _ := platformTables(t, "integer", "varchar(4)")
	_, err := d.ImportRoster(t.Context(), rows, false)
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`import roster: line 19, column event_id: "one" does not fit events.id, which is integer`,
		`line 57, column entry_id: "99999999999" does not fit entries.id, which is integer`,
		`line 122, column entry_id: "5x" does not fit entries.id, which is integer`,
		`line 123, column device_id: "much too long" does not fit entry_devices.device_id, which is character varying(4)`,
	}
	if got := diff.Diff(want, strings.Split(err.Error(), "\n")); got != "" {
		t.Errorf("error (-want +got):\n%s", got)
	}
	if got := roster(t, d); len(got.Events)+len(got.Pairs) > 0 {
		t.Errorf("rows were written despite the error: %v", got)
	}
	// Two spellings of one entry are one entry.
	_, err = d.ImportRoster(t.Context(), []RosterRow{{2, "1", "7", "d1"}, {3, "2", "07", "d2"}}, false)
	if err == nil || !strings.Contains(err.Error(), "line 3, column event_id: entry 7 is in event 2 here and in 1 on line 2") {
		t.Errorf("one entry in two events, spelt differently: %v", err)
	}
}

func TestImportIntoTablesWithMoreRequiredColumns(t *testing.T) {
	d, pg, url := platformTables(t, "text", "text")
	pg.Query(url, "INSERT INTO events VALUES ('E1', 'Rally'); ALTER TABLE events ALTER COLUMN name SET NOT NULL")
	importRows(t, d, false, RosterRow{2, "E1", "n1", "d1"})
	_, err := d.ImportRoster(t.Context(), []RosterRow{{2, "E1", "n2", "d2"}, {3, "E9", "n3", "d3"}}, false)
	if err == nil || !strings.Contains(err.Error(), "create the row there first") || !strings.Contains(err.Error(), "E9") {
		t.Errorf("an event that cannot be created: %v", err)
	}
	if got := len(roster(t, d).Pairs); got != 1 {
		t.Errorf("%d pairs, want the one of the first import", got)
	}
}

// The events of a platform may be a view with ids that are NULL. They become "" and do
// not affect other events.
func TestRosterReturnsNullIDsAsEmpty(t *testing.T) {
	pg, url := testenv.Postgres(t), migratedURL(t)
	d := openDatabase(t, Options{URL: url, Logger: discard})
	pg.Query(url, `DROP TABLE events; CREATE VIEW events AS SELECT * FROM (VALUES ('E'), (NULL), ('')) AS e(id);
		INSERT INTO entries VALUES ('n1', 'E'), ('n2', ''); INSERT INTO entry_devices VALUES ('n1', 'd1'), ('n2', 'd2');
		ALTER TABLE pitwall_events DROP CONSTRAINT pitwall_events_pkey; ALTER TABLE pitwall_events ALTER event_id DROP NOT NULL;
		INSERT INTO pitwall_events (event_id, public) VALUES (NULL, true), ('E', true)`)
	r := roster(t, d)
	if len(r.Events) != 3 || len(r.Pairs) != 2 {
		t.Errorf("roster %+v, want 3 events and 2 pairs", r)
	}
	if got, err := d.PublicEvents(t.Context()); err != nil || len(got) != 1 || got[0] != "E" {
		t.Errorf("public events %q, %v; want E", got, err)
	}
}

// An entry without an event, an entry without an id and a device that is NULL add no
// pair and no event. The types of the platform's columns may differ.
func TestRosterIgnoresNullPairs(t *testing.T) {
	pg, url := testenv.Postgres(t), testenv.NewDatabase(t)
	pg.Query(url, `CREATE TABLE events (id int PRIMARY KEY); CREATE TABLE entries (id int, event_id text);
		CREATE TABLE entry_devices (entry_id text, device_id text);
		INSERT INTO events VALUES (7), (8); INSERT INTO entries VALUES (1, '7'), (2, NULL), (NULL, '7');
		INSERT INTO entry_devices VALUES ('1', 'd1'), ('1', NULL), ('2', 'd2'), ('2', NULL), (NULL, 'd3')`)
	want := shard.Roster{Events: []string{"7", "8"}, Pairs: pairs("d1", "7")}
	if got := diff.Diff(want, roster(t, migrated(t, Options{URL: url, Logger: discard}))); got != "" {
		t.Errorf("roster (-want +got):\n%s", got)
	}
}
