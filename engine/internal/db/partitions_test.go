package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

// byMonth is a migrated and partitioned database, without a partition as yet.
func byMonth(t testing.TB, o Options) (*postgres, *testenv.PostgresServer) {
	t.Helper()
	d := migrated(t, o)
	if done, err := d.EnablePartitions(context.Background()); err != nil || !done {
		t.Fatalf("enable: %v, %v", done, err)
	}
	return d.(*postgres), testenv.Postgres(t)
}

func made(t testing.TB, d Database, months ...string) []string {
	t.Helper()
	var at []time.Time
	for _, m := range months {
		at = append(at, instantOf(t, m))
	}
	names, err := d.MakePartitions(context.Background(), at)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// instantOf reads a month, or a time in it.
func instantOf(t testing.TB, s string) time.Time {
	t.Helper()
	if len(s) == len("2025-06") {
		s += "-01T00:00:00Z"
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// bounds lists the partitions of positions as psql shows them in UTC.
func bounds(pg *testenv.PostgresServer, url string) []string {
	text := pg.Query(url, `SET timezone = 'UTC'; SELECT c.relname || ' ' || pg_get_expr(c.relpartbound, c.oid)
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'positions'::regclass ORDER BY 1`)
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func TestMonths(t *testing.T) {
	for _, tt := range []struct {
		at   string
		n    int
		want []string
	}{
		{"2025-06-01T00:00:00Z", 0, []string{"2025-06"}},
		{"2025-12-31T23:59:59.999Z", 2, []string{"2025-12", "2026-01", "2026-02"}},
		{"2025-07-01T01:00:00+02:00", 1, []string{"2025-06", "2025-07"}},
		{"2024-01-31T12:00:00Z", 2, []string{"2024-01", "2024-02", "2024-03"}},
	} {
		var got []string
		for _, m := range Months(instantOf(t, tt.at), tt.n) {
			got = append(got, m.Format("2006-01"))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s and %d more (-want +got):\n%s", tt.at, tt.n, diff)
		}
	}
}

func TestFree(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(int64(n), 0).UTC() }
	of := func(pairs ...int) (out []span) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, span{at(pairs[i]), at(pairs[i+1])})
		}
		return out
	}
	for _, tt := range []struct {
		name        string
		taken, want []span
	}{
		{"nothing taken", nil, of(10, 20)},
		{"others beside it", of(0, 10, 20, 30), of(10, 20)},
		{"all of it", of(10, 20), nil},
		{"more than it", of(0, 100), nil},
		{"its beginning", of(0, 12), of(12, 20)},
		{"its end", of(18, 100), of(10, 18)},
		{"its middle", of(12, 18), of(10, 12, 18, 20)},
		{"in disorder", of(18, 19, 12, 13, 0, 11), of(11, 12, 13, 18, 19, 20)},
		{"all of it, in parts", of(15, 25, 5, 15), nil},
	} {
		if diff := cmp.Diff(tt.want, (span{at(10), at(20)}).free(tt.taken), cmp.AllowUnexported(span{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestEnableKeepsWhatHangsOnTheTable(t *testing.T) {
	url := testenv.NewDatabase(t)
	d := migrated(t, Options{URL: url, Logger: discard})
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
	made(t, d, "2025-06")
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
		{"a view", "CREATE VIEW newest AS SELECT * FROM positions", []string{"view newest depends on table", "make it again"}},
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
		// TimescaleDB is not among the tests' servers; this is the view by which it tells.
		{"a hypertable", `CREATE SCHEMA timescaledb_information; CREATE VIEW timescaledb_information.hypertables AS
			SELECT 'public'::name AS hypertable_schema, 'positions'::name AS hypertable_name`, []string{"TimescaleDB hypertable", "policies of its own"}},
		{"a database that is behind", "ALTER TABLE positions DROP faulty CASCADE", []string{"pitwall migrate"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := testenv.NewDatabase(t)
			d := migrated(t, Options{URL: url, Logger: discard})
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

func TestNoPartitionsOnSQLite(t *testing.T) {
	d := migrated(t, Options{DataDir: t.TempDir(), Logger: discard})
	_, enable := d.EnablePartitions(t.Context())
	_, ensure := d.MakePartitions(t.Context(), Months(time.Now(), 2))
	_, detach := d.DetachPartitions(t.Context(), time.Now())
	for name, err := range map[string]error{"enable": enable, "make": ensure, "detach": detach, "retention": d.CheckRetention(t.Context())} {
		if !errors.Is(err, ErrNotPartitioned) || !strings.Contains(err.Error(), "DATABASE_URL") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMakePartitions(t *testing.T) {
	// The catalogue writes bounds as the session likes times to be written.
	url := testenv.NewDatabase(t) + "&timezone=Europe/Vienna&datestyle=SQL,DMY"
	d, pg := byMonth(t, Options{URL: url, Logger: discard})
	url, _, _ = strings.Cut(url, "&")
	if diff := cmp.Diff([]string{"positions_2025_06", "positions_2025_12"}, made(t, d, "2025-06-30T23:59:59Z", "2025-12")); diff != "" {
		t.Errorf("made (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"positions_2025_07"}, made(t, d, "2025-06", "2025-07-01T00:00:00Z", "2025-12-31T23:00:00Z")); diff != "" {
		t.Errorf("made the second time (-want +got):\n%s", diff)
	}
	// Partitions of others: a part of a month, and all that was before.
	pg.Query(url, `CREATE TABLE before PARTITION OF positions FOR VALUES FROM (MINVALUE) TO ('2024-11-24T10:00:00Z');
		CREATE TABLE days PARTITION OF positions FOR VALUES FROM ('2024-12-05T00:00:00Z') TO ('2024-12-07T00:00:00Z')`)
	got := made(t, d, "2023-01", "2024-11", "2024-12")
	if diff := cmp.Diff([]string{"positions_2024_11", "positions_2024_12", "positions_2024_12_2"}, got); diff != "" {
		t.Errorf("made beside others (-want +got):\n%s", diff)
	}
	want := []string{
		"before FOR VALUES FROM (MINVALUE) TO ('2024-11-24 10:00:00+00')",
		"days FOR VALUES FROM ('2024-12-05 00:00:00+00') TO ('2024-12-07 00:00:00+00')",
		"positions_2024_11 FOR VALUES FROM ('2024-11-24 10:00:00+00') TO ('2024-12-01 00:00:00+00')",
		"positions_2024_12 FOR VALUES FROM ('2024-12-01 00:00:00+00') TO ('2024-12-05 00:00:00+00')",
		"positions_2024_12_2 FOR VALUES FROM ('2024-12-07 00:00:00+00') TO ('2025-01-01 00:00:00+00')",
		"positions_2025_06 FOR VALUES FROM ('2025-06-01 00:00:00+00') TO ('2025-07-01 00:00:00+00')",
		"positions_2025_07 FOR VALUES FROM ('2025-07-01 00:00:00+00') TO ('2025-08-01 00:00:00+00')",
		"positions_2025_12 FOR VALUES FROM ('2025-12-01 00:00:00+00') TO ('2026-01-01 00:00:00+00')",
	}
	if diff := cmp.Diff(want, bounds(pg, url)); diff != "" {
		t.Errorf("partitions (-want +got):\n%s", diff)
	}
	if err := d.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	if err := d.CheckRetention(t.Context()); err != nil {
		t.Error(err)
	}
}

// Several processes make the same months while others write: each month is
// there once, nobody fails, and no writer waits for a lock.
func TestMakePartitionsTogether(t *testing.T) {
	url := testenv.NewDatabase(t)
	d, pg := byMonth(t, Options{URL: url, Logger: discard})
	made(t, d, "2025-06")
	writer, err := d.pool.Begin(t.Context()) // has written, and stays open
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Rollback(context.Background())
	if _, err := writer.Exec(t.Context(), insertPositions, arrays([]codec.Position{full("a", epoch)}, []int{0})...); err != nil {
		t.Fatal(err)
	}
	months := Months(instantOf(t, "2025-06"), 12)
	var all sync.WaitGroup
	var mu sync.Mutex
	var names []string
	for range 4 {
		other := open(t, Options{URL: url, Logger: discard})
		all.Go(func() {
			made, err := other.MakePartitions(t.Context(), months)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			names = append(names, made...)
		})
	}
	all.Wait()
	if err := writer.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	var want []string
	for _, m := range months[1:] {
		want = append(want, tableName(m))
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("made by all (-want +got):\n%s", diff)
	}
	if n := len(bounds(pg, url)); n != 13 {
		t.Errorf("%d partitions, want 13", n)
	}
}

// The role that writes need not own the table; then another makes the months,
// and the error says so.
func TestMakePartitionsWithoutTheRight(t *testing.T) {
	url := testenv.NewDatabase(t)
	_, pg := byMonth(t, Options{URL: url, Logger: discard})
	pg.Query(url, "CREATE ROLE scribe LOGIN PASSWORD 'scribe'; GRANT SELECT, INSERT ON positions TO scribe")
	t.Cleanup(func() { pg.Query(url, "DROP OWNED BY scribe; DROP ROLE scribe") })
	d := open(t, Options{URL: asRole(t, url, "scribe", "scribe"), Logger: discard})
	if _, err := d.MakePartitions(t.Context(), Months(time.Now(), 0)); err == nil || !strings.Contains(err.Error(), "pitwall partition ensure") {
		t.Errorf("the error is %v", err)
	}
	made(t, open(t, Options{URL: url, Logger: discard}), "2025-06")
	if r := insert(t, d, full("a", epoch)); r.Inserted != 1 {
		t.Errorf("insert: %+v", r)
	}
}

// A row triggers the notification whichever way it is reached, and none does
// where the triggers are left out.
func TestPartitionsHaveTheTriggers(t *testing.T) {
	const triggers = `SELECT string_agg(c.relname || ' ' || tgname, ', ' ORDER BY c.relname)
		FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid WHERE c.relname LIKE 'positions%'`
	for _, without := range []bool{false, true} {
		t.Run(fmt.Sprint("NoTriggers ", without), func(t *testing.T) {
			url := testenv.NewDatabase(t)
			d, pg := byMonth(t, Options{URL: url, Logger: discard, NoTriggers: without})
			made(t, d, "2025-06", "2025-07")
			want := "positions pitwall_notify_faulty, positions_2025_06 pitwall_notify_faulty, positions_2025_07 pitwall_notify_faulty"
			if without {
				if got := pg.Query(url, triggers); got != "" {
					t.Errorf("triggers %q, want none", got)
				}
				// Wanted later on, they come to the months that are there.
				migrated(t, Options{URL: url, Logger: discard})
			}
			if got := pg.Query(url, triggers); got != want {
				t.Errorf("triggers %q, want %q", got, want)
			}
		})
	}
}

func TestDetachPartitions(t *testing.T) {
	url := testenv.NewDatabase(t)
	d, pg := byMonth(t, Options{URL: url, Logger: discard})
	made(t, d, "2025-04", "2025-05", "2025-06", "2025-07")
	may, june := instantOf(t, "2025-05-31T23:59:59Z").UnixMilli(), instantOf(t, "2025-06").UnixMilli()
	insert(t, d, full("a", may), full("a", june))
	detach := func(before string, want ...string) {
		t.Helper()
		got, err := d.DetachPartitions(t.Context(), instantOf(t, before))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("detached before %s: %v (-want +got):\n%s", before, err, diff)
		}
	}
	detach("2025-04-30T23:59:59Z")
	detach("2025-06", "positions_2025_04", "positions_2025_05")
	detach("2025-06")
	if got := pg.Query(url, "SELECT (SELECT count(*) FROM positions), (SELECT count(*) FROM positions_2025_05)"); got != "1|1" {
		t.Errorf("rows in positions and in the month detached: %s", got)
	}
	if diff := cmp.Diff(full("a", june), last(t, d, time.Hour)["a"]); diff != "" {
		t.Errorf("last position (-want +got):\n%s", diff)
	}
	pg.Query(url, "UPDATE positions_2025_05 SET faulty = true") // nobody is told, and nothing fails

	// The month is wanted again: under another name, and what was detached stays.
	if got := made(t, d, "2025-05"); len(got) != 1 || got[0] != "positions_2025_05_2" {
		t.Errorf("made %v", got)
	}
	// It comes back without a look at its rows, once the new one makes room.
	detach("2025-06", "positions_2025_05_2")
	pg.Query(url, "ALTER TABLE positions ATTACH PARTITION positions_2025_05 FOR VALUES FROM ('2025-05-01T00:00:00Z') TO ('2025-06-01T00:00:00Z')")
	if r := insert(t, d, change(full("a", may), func(p *codec.Position) { p.Faulty = true })); r.Duplicates != 1 {
		t.Errorf("a repeat in the month attached again: %+v", r)
	}
}

// A transaction that has read positions holds up the end of a detaching, but
// neither writers nor those who make months, and what was interrupted is
// finished later.
func TestDetachIsFinishedWhenItWasInterrupted(t *testing.T) {
	url := testenv.NewDatabase(t)
	d, pg := byMonth(t, Options{URL: url, Logger: discard})
	made(t, d, "2025-04", "2025-05", "2025-06")
	insert(t, d, full("a", instantOf(t, "2025-05").UnixMilli()))
	reader, err := d.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Rollback(context.Background())
	if _, err := reader.Exec(t.Context(), "SELECT count(*) FROM positions"); err != nil {
		t.Fatal(err)
	}
	before := instantOf(t, "2025-06")
	names, err := d.DetachPartitions(t.Context(), before)
	if len(names) != 0 || err == nil || !strings.Contains(err.Error(), "pg_stat_activity") || !strings.Contains(err.Error(), "positions_2025_04") {
		t.Fatalf("with a reader: %v, %v", names, err)
	}
	const pending = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending"
	if got := pg.Query(url, pending); got != "1" {
		t.Fatalf("%s partitions are pending, want 1", got)
	}
	if r := insert(t, d, full("b", epoch)); r.Inserted != 1 {
		t.Errorf("insert meanwhile: %+v", r)
	}
	made(t, d, "2025-07")
	if err := reader.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	names, err = d.DetachPartitions(t.Context(), before)
	if diff := cmp.Diff([]string{"positions_2025_04", "positions_2025_05"}, names); diff != "" || err != nil {
		t.Errorf("afterwards: %v (-want +got):\n%s", err, diff)
	}
	if got := pg.Query(url, pending); got != "0" {
		t.Errorf("%s partitions are pending", got)
	}
}

// Only one process detaches at a time; the other has nothing to do.
func TestDetachLeavesItToAnother(t *testing.T) {
	url := testenv.NewDatabase(t)
	d, _ := byMonth(t, Options{URL: url, Logger: discard})
	made(t, d, "2025-04")
	other, err := d.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	if _, err := other.Exec(t.Context(), "SELECT pg_advisory_lock($1, $2)", partitionLock, lockDetach); err != nil {
		t.Fatal(err)
	}
	if names, err := d.DetachPartitions(t.Context(), time.Now()); len(names) != 0 || err != nil {
		t.Errorf("beside another: %v, %v", names, err)
	}
	if _, err := other.Exec(t.Context(), "SELECT pg_advisory_unlock($1, $2)", partitionLock, lockDetach); err != nil {
		t.Fatal(err)
	}
	if names, err := d.DetachPartitions(t.Context(), time.Now()); len(names) != 1 || err != nil {
		t.Errorf("alone: %v, %v", names, err)
	}
}

func TestRetentionNamesTheDefaultPartition(t *testing.T) {
	url := testenv.NewDatabase(t)
	d, pg := byMonth(t, Options{URL: url, Logger: discard})
	pg.Query(url, "CREATE TABLE rest PARTITION OF positions DEFAULT")
	if err := d.CheckRetention(t.Context()); err == nil || !strings.Contains(err.Error(), "DETACH PARTITION rest") {
		t.Errorf("the check says %v", err)
	}
	made(t, d, "2025-06") // an empty one is in nobody's way
}

// The newest rows of a device are looked for from the newest month backwards,
// and in no month behind the one that has them, however many there are.
func TestLastPositionsStopsAtTheNewestMonth(t *testing.T) {
	d, _ := byMonth(t, Options{URL: testenv.NewDatabase(t), Logger: discard})
	if _, err := d.MakePartitions(t.Context(), Months(instantOf(t, "2024-08"), 12)); err != nil {
		t.Fatal(err)
	}
	for _, m := range Months(instantOf(t, "2024-08"), 10) {
		insert(t, d, full("a", m.UnixMilli()))
	}
	plan := lastPlan(t, d, "a")
	if n := strings.Count(plan, "(never executed)"); n != 20 {
		t.Errorf("%d months of the two times thirteen were left out, want 20:\n%s", n, plan)
	}
	if strings.Contains(plan, "Sort") || strings.Contains(plan, "Merge Append") {
		t.Errorf("months are looked at to be sorted:\n%s", plan)
	}
}
