package db

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

// existingTable creates a filled table positions without the column faulty and without
// the unique index.
const existingTable = `
	CREATE TABLE positions (device_id text, ts timestamptz, lat double precision, lon double precision, alt double precision,
		speed double precision, course double precision, sats integer, priority integer, codec text, attributes json,
		received_at timestamptz);
	INSERT INTO positions SELECT 'd' || n % 50, '2025-06-01T10:00:00Z'::timestamptz + n * interval '1 s', 46, 7, NULL, 10, 90, 8,
		0, '8E', ('{"in": ' || n || '}')::json, '2025-06-01T10:00:00Z'::timestamptz + n * interval '1 s' FROM generate_series(1, 500) n;`

// databaseWith creates a database with the given SQL.
func databaseWith(t *testing.T, sql ...string) (Database, *testenv.PostgresServer, string) {
	t.Helper()
	url := testenv.NewDatabase(t)
	d, pg := databaseIn(t, url, sql...)
	return d, pg, url
}

// databaseIn is databaseWith in an existing database.
func databaseIn(t *testing.T, url string, sql ...string) (Database, *testenv.PostgresServer) {
	t.Helper()
	pg := testenv.Postgres(t)
	pg.Query(url, strings.Join(append([]string{"DROP SCHEMA public CASCADE; CREATE SCHEMA public"}, sql...), ";"))
	return openDatabase(t, Options{URL: url, Logger: discard}), pg
}

func TestAnExistingTableIsMigrated(t *testing.T) {
	const index = `CREATE UNIQUE INDEX own_name ON positions (device_id, ts); `
	tests := []struct {
		name    string
		sql     string
		indexes string // of positions afterwards
	}{
		{"as it was", "", "positions_device_ts_idx"},
		{"index of our name", "CREATE UNIQUE INDEX positions_device_ts_idx ON positions (device_id, ts DESC)", "positions_device_ts_idx"},
		{"index of another name", index, "own_name"},
		{"primary key", "ALTER TABLE positions ADD PRIMARY KEY (device_id, ts)", "positions_pkey"},
		{"a partial index does not count", index + "DROP INDEX own_name; CREATE UNIQUE INDEX partial ON positions (device_id, ts) WHERE lat > 0",
			"partial positions_device_ts_idx"},
		{"an index on more columns does not count", "CREATE UNIQUE INDEX wide ON positions (device_id, ts, lat)", "positions_device_ts_idx wide"},
		{"an index in the other order does not count", "CREATE UNIQUE INDEX round ON positions (ts, device_id)", "positions_device_ts_idx round"},
		{"jsonb, varchar, defaults, own id", `ALTER TABLE positions ALTER attributes TYPE jsonb USING attributes::jsonb,
			ALTER device_id TYPE varchar(64), ADD id bigserial NOT NULL, ALTER received_at SET DEFAULT now()`, "positions_device_ts_idx"},
		{"missing columns", "ALTER TABLE positions DROP alt, DROP sats, DROP priority, DROP attributes, DROP received_at", "positions_device_ts_idx"},
		{"with the column faulty", "ALTER TABLE positions ADD faulty boolean NOT NULL DEFAULT false", "positions_device_ts_idx"},
	}
	url := testenv.NewDatabase(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, pg := databaseIn(t, url, existingTable, tt.sql)
			if err := d.CheckSchema(t.Context()); err == nil || !strings.Contains(err.Error(), "pitwall migrate") {
				t.Errorf("check before: %v", err)
			}
			if _, err := d.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := d.CheckSchema(t.Context()); err != nil {
				t.Errorf("check after: %v", err)
			}
			got := pg.Query(url, "SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'positions'")
			if got != tt.indexes {
				t.Errorf("indexes %q, want %q", got, tt.indexes)
			}
			if got := pg.Query(url, "SELECT count(*), count(*) FILTER (WHERE faulty) FROM positions"); got != "500|0" {
				t.Errorf("rows, faulty: %s", got)
			}
			if got := len(lastGood(t, d, 0)); got != 50 {
				t.Errorf("%d last positions, want 50", got)
			}
			p := full("new", epoch)
			if r := insert(t, d, p, p); r.Inserted != 1 || r.Duplicates != 1 {
				t.Errorf("insert: %+v", r)
			}
			if diff := cmp.Diff(map[string]codec.Position{"new": p}, pick(lastGood(t, d, 0), "new")); diff != "" {
				t.Errorf("position (-want +got):\n%s", diff)
			}
		})
	}
}

func pick(all map[string]codec.Position, device string) map[string]codec.Position {
	return map[string]codec.Position{device: all[device]}
}

func TestARowOfAnExistingTableIsADuplicate(t *testing.T) {
	d, _, _ := databaseWith(t, existingTable)
	if _, err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := lastGood(t, d, 0)["d7"]
	if p.Attributes != `{"in": 457}` || p.Codec != "8E" || p.Has != codec.HasSpeed|codec.HasCourse|codec.HasSats|codec.HasPriority {
		t.Errorf("read as %+v", p)
	}
	if diff := cmp.Diff(InsertResult{Duplicates: 1}, insert(t, d, p)); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

func TestMigrateRefuses(t *testing.T) {
	tests := []struct {
		name string
		sql  string
		want []string
	}{
		{"duplicates", `INSERT INTO positions SELECT * FROM positions WHERE device_id = 'd1';
			INSERT INTO positions SELECT * FROM positions WHERE device_id = 'd1' AND ts < '2025-06-01T10:00:10Z'`,
			[]string{"0002_positions_faulty.sql", "10 (device_id, ts) more than once", "12 rows too many", ") 4 times",
				"Nothing was deleted"}},
		{"index of our name that is not unique", "CREATE INDEX positions_device_ts_idx ON positions (device_id, ts DESC)",
			[]string{"not UNIQUE", "CREATE INDEX positions_device_ts_idx", "DROP INDEX positions_device_ts_idx"}},
		{"index of our name on other columns", "CREATE UNIQUE INDEX positions_device_ts_idx ON positions (ts, device_id)",
			[]string{"not UNIQUE on (device_id, ts DESC)", "DROP INDEX positions_device_ts_idx"}},
		{"index of our name that is invalid", `CREATE UNIQUE INDEX positions_device_ts_idx ON positions (device_id, ts DESC);
			UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'positions_device_ts_idx'::regclass`,
			[]string{"is invalid", "DROP INDEX positions_device_ts_idx"}},
		{"table of our index's name", "CREATE TABLE positions_device_ts_idx ()", []string{"is not an index"}},
		{"deferrable constraint", "ALTER TABLE positions ADD CONSTRAINT later UNIQUE (ts, device_id) DEFERRABLE",
			[]string{"constraint later of positions is deferrable", "DROP CONSTRAINT later"}},
		{"type", "ALTER TABLE positions ALTER lat TYPE real", []string{"positions.lat is real, want double precision"}},
		{"time without zone", "ALTER TABLE positions ALTER ts TYPE timestamp", []string{"positions.ts is timestamp without time zone"}},
		{"narrow device", "ALTER TABLE positions ALTER device_id TYPE varchar(32)", []string{"positions.device_id holds 32 characters, want 64"}},
		{"optional not null", "UPDATE positions SET alt = 0; ALTER TABLE positions ALTER alt SET NOT NULL", []string{"ALTER COLUMN alt DROP NOT NULL"}},
		{"unknown not null", "ALTER TABLE positions ADD x int NOT NULL DEFAULT 1; ALTER TABLE positions ALTER x DROP DEFAULT", []string{"positions.x is NOT NULL without a default"}},
	}
	url := testenv.NewDatabase(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, pg := databaseIn(t, url, existingTable, tt.sql)
			count := pg.Query(url, "SELECT count(*) FROM positions")
			_, err := d.Migrate(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			if err := d.CheckSchema(t.Context()); err == nil {
				t.Error("CheckSchema passes despite the failed migration")
			}
			if got := pg.Query(url, "SELECT count(*) FROM positions"); got != count {
				t.Errorf("%s rows, before %s", got, count)
			}
		})
	}
}

// The advice for duplicates is sufficient.
func TestMigrateAfterDuplicatesAreGone(t *testing.T) {
	d, pg, url := databaseWith(t, existingTable, "INSERT INTO positions SELECT * FROM positions WHERE device_id = 'd1'")
	if applied, err := d.Migrate(t.Context()); err == nil || len(applied) != 1 {
		t.Fatalf("applied %v, %v; want the tables and an error", applied, err)
	}
	pg.Query(url, "DELETE FROM positions a USING positions b WHERE a.device_id = b.device_id AND a.ts = b.ts AND a.ctid > b.ctid")
	if applied, err := d.Migrate(t.Context()); err != nil || !slices.Equal(applied, allFiles[1:]) {
		t.Errorf("applied %v, %v; want all but the tables", applied, err)
	}
	if err := d.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
}

// Manual changes after a migration are detected, and the error names the statement that
// repairs them.
func TestMigrateAfterTheIndexWasDropped(t *testing.T) {
	d, pg, url := databaseWith(t)
	if _, err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	pg.Query(url, "DROP INDEX positions_device_ts_idx")
	for name, err := range map[string]error{"check": d.CheckSchema(t.Context()), "migrate": func() error { _, err := d.Migrate(t.Context()); return err }()} {
		if err == nil || !strings.Contains(err.Error(), "CREATE UNIQUE INDEX positions_device_ts_idx ON positions (device_id, ts DESC)") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The tables of the platform are never altered, apart from triggers.
func TestPlatformTablesAreNotAltered(t *testing.T) {
	const shape = `SELECT string_agg(c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY c.relname, a.attnum)
		|| (SELECT string_agg(indexdef, ', ' ORDER BY indexdef) FROM pg_indexes WHERE tablename IN ('events', 'entries', 'entry_devices'))
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		WHERE c.relname IN ('events', 'entries', 'entry_devices') AND a.attnum > 0`
	d, pg, url := databaseWith(t, `
		CREATE TABLE events (id uuid PRIMARY KEY, name text NOT NULL);
		CREATE TABLE entries (number int, id uuid PRIMARY KEY, event_id uuid REFERENCES events);
		CREATE TABLE entry_devices (device_id bigint, entry_id uuid REFERENCES entries)`)
	before := pg.Query(url, shape)
	if _, err := d.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, pg.Query(url, shape)); diff != "" {
		t.Errorf("shape (-before +after):\n%s", diff)
	}
}
