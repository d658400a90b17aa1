package db

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pitwall/engine/internal/testenv"
)

func TestEnableKeepsDependentObjects(t *testing.T) {
	url := migratedURL(t)
	d := openDatabase(t, Options{URL: url, Logger: discard})
	pg := testenv.Postgres(t)
	pg.Query(url, `CREATE ROLE holder; CREATE ROLE looker; GRANT CREATE, USAGE ON SCHEMA public TO holder;
		ALTER TABLE positions ADD id bigserial, ADD CONSTRAINT no_pole CHECK (lat < 80), ADD CONSTRAINT own UNIQUE (id, ts);
		CREATE INDEX by_codec ON positions (codec) WHERE codec IS NOT NULL; COMMENT ON TABLE positions IS 'where they are';
		CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
		CREATE TRIGGER own AFTER INSERT ON positions FOR EACH STATEMENT EXECUTE FUNCTION nothing();
		ALTER TABLE positions OWNER TO holder; GRANT SELECT ON positions TO looker WITH GRANT OPTION; GRANT INSERT ON positions TO PUBLIC`)
	t.Cleanup(func() { pg.Query(url, "DROP TABLE positions; DROP OWNED BY holder, looker; DROP ROLE holder, looker") })
	const shape = `SELECT string_agg(column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, ''), E'\n' ORDER BY ordinal_position)
			FROM information_schema.columns WHERE table_name = 'positions';
		SELECT string_agg(conname || ' ' || pg_get_constraintdef(oid), E'\n' ORDER BY conname) FROM pg_constraint WHERE conrelid = 'positions'::regclass;
		SELECT string_agg(replace(indexdef, ' ONLY', ''), E'\n' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'positions';
		SELECT string_agg(pg_get_triggerdef(oid), E'\n' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = 'positions'::regclass AND NOT tgisinternal;
		SELECT relowner::regrole, (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(relacl) a), obj_description(oid, 'pg_class'),
			pg_get_serial_sequence('positions', 'id') FROM pg_class WHERE oid = 'positions'::regclass`
	before := pg.Query(url, shape)
	if done, err := d.EnablePartitions(t.Context()); err != nil || !done {
		t.Fatalf("enable: %v, %v", done, err)
	}
	if diff := cmp.Diff(before, pg.Query(url, shape)); diff != "" {
		t.Errorf("the table (-before +after):\n%s", diff)
	}
	if done, err := d.EnablePartitions(t.Context()); err != nil || done {
		t.Errorf("a second time: %v, %v", done, err)
	}
	if err := d.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	if applied, err := d.Migrate(t.Context()); err != nil || len(applied) > 0 {
		t.Errorf("migrate: %v, %v", applied, err)
	}
	makeMonths(t, d, "2025-06")
	if r := insert(t, d, full("a", epoch)); r.Inserted != 1 {
		t.Errorf("insert: %+v", r)
	}
	if got := pg.Query(url, "SELECT relowner::regrole FROM pg_class WHERE relname = 'positions_2025_06'"); got != "holder" {
		t.Errorf("the partition belongs to %s, want holder", got)
	}
}

func TestEnableRefuses(t *testing.T) {
	const publication = "CREATE PUBLICATION news FOR TABLE positions"
	for _, tt := range []struct {
		name, sql string
		want      []string
	}{
		{"rows", `INSERT INTO positions (device_id, ts, lat, lon) VALUES ('a', now(), 1, 1)`, []string{"it holds rows", "A table that holds rows", "engine/archive/README.md"}},
		{"a view", "CREATE VIEW newest AS SELECT * FROM positions", []string{"view newest depends on table", "create it again"}},
		{"a policy", "CREATE POLICY mine ON positions; ALTER TABLE positions ENABLE ROW LEVEL SECURITY", []string{"the policy mine", "row level security"}},
		{"column privileges", "GRANT SELECT (ts) ON positions TO PUBLIC", []string{"privileges on the column ts"}},
		{"a publication", publication, []string{"the publication news"}},
		{"a trigger that is off", "ALTER TABLE positions DISABLE TRIGGER pitwall_notify_faulty", []string{"the switched off trigger pitwall_notify_faulty"}},
		{"a child", "CREATE TABLE own () INHERITS (positions)", []string{"the child own"}},
		{"a key without the time", "ALTER TABLE positions ADD id bigserial PRIMARY KEY", []string{"must include all partitioning columns"}},
		{"another key", `DROP TABLE positions; CREATE TABLE positions (device_id text NOT NULL, ts timestamptz NOT NULL, lat float8 NOT NULL,
			lon float8 NOT NULL, alt float8, speed float8, course float8, sats int, priority int, codec text, attributes json, received_at timestamptz,
			faulty boolean NOT NULL DEFAULT false) PARTITION BY HASH (device_id); CREATE UNIQUE INDEX ON positions (device_id, ts DESC)`,
			[]string{"by another key than ts"}},
		// The test servers have no TimescaleDB; this is the view by which it is detected.
		{"a hypertable", `CREATE SCHEMA timescaledb_information; CREATE VIEW timescaledb_information.hypertables AS
			SELECT 'public'::name AS hypertable_schema, 'positions'::name AS hypertable_name`, []string{"TimescaleDB hypertable", "retention policies"}},
		{"a database without the last migrations", "ALTER TABLE positions DROP faulty CASCADE", []string{"pitwall migrate"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := migratedURL(t)
			d := openDatabase(t, Options{URL: url, Logger: discard})
			pg := testenv.Postgres(t)
			pg.Query(url, tt.sql)
			kind := pg.Query(url, "SELECT oid, relkind FROM pg_class WHERE relname = 'positions'")
			done, err := d.EnablePartitions(t.Context())
			if err == nil || done {
				t.Fatalf("%v, %v", done, err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			if got := pg.Query(url, "SELECT oid, relkind FROM pg_class WHERE relname = 'positions'"); got != kind {
				t.Errorf("the table is %s, was %s", got, kind)
			}
			if _, err := d.MakePartitions(t.Context(), []time.Time{time.Now()}); !errors.Is(err, ErrNotPartitioned) {
				t.Errorf("making a month: %v", err)
			}
			if _, err := d.DetachPartitions(t.Context(), time.Now()); !errors.Is(err, ErrNotPartitioned) {
				t.Errorf("detaching: %v", err)
			}
			if err := d.CheckRetention(t.Context()); !errors.Is(err, ErrNotPartitioned) {
				t.Errorf("retention: %v", err)
			}
		})
	}
}
