package db

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

// A real server answers an insert with each kind of failure.
func TestClassifyOfInsertsThatFail(t *testing.T) {
	const function = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN %s RETURN NEW; END $$;" +
		"CREATE TRIGGER refuse BEFORE INSERT ON positions FOR EACH ROW EXECUTE FUNCTION refuse()"
	row := func(body string) string { return fmt.Sprintf(function, body) }
	pg, shared := testenv.Postgres(t), migratedURL(t)
	for _, tt := range []struct {
		name, sql, state string
		want             Failure
	}{
		{"a foreign key on an unknown tracker", "CREATE TABLE trackers (id text PRIMARY KEY); ALTER TABLE positions ADD FOREIGN KEY (device_id) REFERENCES trackers", "23503", FailureRefused},
		{"another unique index", "CREATE UNIQUE INDEX ON positions (lat); INSERT INTO positions (device_id, ts, lat, lon) SELECT 'x', now(), 46.123456789012345, 7", "23505", FailureRefused},
		{"an exclusion constraint", "ALTER TABLE positions ADD EXCLUDE (lat WITH =); INSERT INTO positions (device_id, ts, lat, lon) SELECT 'x', now(), 46.123456789012345, 7", "23P01", FailureRefused},
		{"an index row that is too large", "ALTER TABLE positions ADD x text; CREATE INDEX ON positions (x);" +
			row("NEW.x := (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 500) n);"), "54000", FailureRefused},
		{"a trigger's own exception", row("RAISE EXCEPTION 'no';"), "P0001", FailureRefused},
		{"a trigger whose assertion fails", row("ASSERT false;"), "P0004", FailureRefused},
		{"an unsupported feature", row("RAISE feature_not_supported;"), "0A000", FailureRefused},
		{"a value out of range", row("NEW.sats := 9999999999;"), "22003", FailureContent},
		{"a division by zero", row("NEW.lat := 1 / (NEW.sats - 9);"), "22012", FailureContent},
		{"a column that is NOT NULL", "ALTER TABLE positions ADD must text NOT NULL", "23502", FailureContent},
		{"a check", "ALTER TABLE positions ADD CHECK (lat < 40)", "23514", FailureContent},
		{"a check in a trigger", row("RAISE check_violation;"), "23514", FailureContent},
		{"a statement that takes too long", row("PERFORM set_config('statement_timeout', '10', true); PERFORM pg_sleep(60);") +
			"; ALTER DATABASE %s SET statement_timeout = '50ms'", "57014", FailureRetry},
		{"an unavailable lock", row("RAISE lock_not_available;"), "55P03", FailureRetry},
		{"a deadlock", row("RAISE deadlock_detected;"), "40P01", FailureRetry},
		{"a serialization failure", row("RAISE serialization_failure;"), "40001", FailureRetry},
		{"a full disk", row("RAISE disk_full;"), "53100", FailureWait},
		{"lack of memory", row("RAISE out_of_memory;"), "53200", FailureWait},
		{"a missing file", row("RAISE undefined_file;"), "58P01", FailureWait},
		{"an internal error", row("RAISE internal_error;"), "XX000", FailureWait},
		{"a terminated backend", row("PERFORM pg_terminate_backend(pg_backend_pid());"), "57P01", FailureWait},
		{"a database that shuts down", row("RAISE cannot_connect_now;"), "57P03", FailureWait},
		{"a connection that failed", row("RAISE connection_failure;"), "08006", FailureWait},
		{"a missing column", "ALTER TABLE positions DROP lat", "42703", FailureWait},
		{"a missing right", row("RAISE insufficient_privilege;"), "42501", FailureWait},
		{"a missing schema", row("RAISE invalid_schema_name;"), "3F000", FailureWait},
		{"a read-only server", "ALTER DATABASE %s SET default_transaction_read_only = on", "25006", FailureWait},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := shared
			if !strings.HasPrefix(tt.sql, "CREATE FUNCTION") || strings.Contains(tt.sql, "ALTER DATABASE") {
				url = migratedURL(t) // for what a later one would meet
			} else {
				t.Cleanup(func() { pg.Query(url, "DROP FUNCTION refuse() CASCADE") })
			}
			name, _, _ := strings.Cut(url[strings.LastIndexByte(url, '/')+1:], "?")
			pg.Query(url, strings.ReplaceAll(tt.sql, "%s", name))
			d := openDatabase(t, Options{URL: url, Logger: discard}) // settings of a database apply to new sessions
			p := full("d", epoch)
			p.Lat = 46.123456789012345
			_, err := d.InsertPositions(t.Context(), []codec.Position{p})
			if state := sqlState(err); state != tt.state || Classify(err) != tt.want {
				t.Errorf("%v: SQLSTATE %q of kind %d, want %q of kind %d", err, state, Classify(err), tt.state, tt.want)
			}
		})
	}
}

// Errors without an SQLSTATE, and errors that end or prevent a session, are not about
// rows.
func TestClassifyOfSessionsThatFail(t *testing.T) {
	url := testenv.NewDatabase(t)
	pg := testenv.Postgres(t)
	connect := func(change func(*pgx.ConnConfig)) error {
		config, err := pgx.ParseConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		change(config)
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if err == nil {
			conn.Close(t.Context())
		}
		return err
	}
	d := migrated(t, Options{URL: url, Logger: discard})
	ended, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	_, late := d.InsertPositions(ended, []codec.Position{full("d", epoch)})
	stopped, stop := context.WithCancel(t.Context())
	stop()
	_, canceled := d.InsertPositions(stopped, []codec.Position{full("d", epoch)})
	pg.Stop()
	gone := insertOf(d, full("d", epoch))
	pg.Start()
	fatal := &pgconn.PgError{Severity: "FATAL", Code: "22023"}
	for _, tt := range []struct {
		name string
		err  error
		want Failure
	}{
		{"an invalid startup setting, of class 22", connect(func(c *pgx.ConnConfig) { c.RuntimeParams["timezone"] = "nowhere" }), FailureWait},
		{"a session that ends with a code of class 22", fatal, FailureWait},
		{"a missing database", connect(func(c *pgx.ConnConfig) { c.Database = "nosuch" }), FailureWait},
		{"a wrong password", connect(func(c *pgx.ConnConfig) { c.User, c.Password = "nobody", "x" }), FailureWait},
		{"a connection that takes too long", connect(func(c *pgx.ConnConfig) { c.ConnectTimeout = 1 }), FailureWait},
		{"a stopped server", gone, FailureWait},
		{"the caller's cancellation", canceled, FailureWait},
		{"a reply without a code", &pgconn.PgError{Severity: "ERROR"}, FailureWait},
		{"an error of another origin", errors.New("x"), FailureWait},
		{"the caller's deadline", late, FailureRetry},
	} {
		if tt.err == nil || Classify(tt.err) != tt.want {
			t.Errorf("%s: %v is of kind %d, want %d", tt.name, tt.err, Classify(tt.err), tt.want)
		}
	}
}

func TestClassifyOnSQLite(t *testing.T) {
	refuse := func(how string) string {
		return "CREATE TRIGGER refuse BEFORE INSERT ON positions BEGIN SELECT " + how + "; END"
	}
	for _, tt := range []struct {
		name, sql string
		want      Failure
	}{
		{"a trigger", refuse("RAISE(ABORT, 'no')"), FailureRefused},
		{"another unique index", "CREATE UNIQUE INDEX x ON positions (codec); INSERT INTO positions (device_id, ts, lat, lon, codec) VALUES ('x', 1, 1, 1, '8E')", FailureRefused},
		{"a missing table", "DROP TABLE positions", FailureWait},
	} {
		d := migrated(t, Options{DataDir: t.TempDir(), Logger: discard})
		exec(t, d, tt.sql)
		if err := insertOf(d, full("d", epoch)); err == nil || Classify(err) != tt.want {
			t.Errorf("%s: %v is of kind %d, want %d", tt.name, err, Classify(err), tt.want)
		}
	}
}

// A position that a trigger leaves out is reported as missing, and the others are
// inserted.
func TestPositionsThatATriggerLeavesOut(t *testing.T) {
	onBoth(t, func(t *testing.T, d Database, url string) {
		alter(t, d, url, `CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
			CREATE TRIGGER leave BEFORE INSERT ON positions FOR EACH ROW WHEN (NEW.device_id < 'd1') EXECUTE FUNCTION leave()`,
			"CREATE TRIGGER leave BEFORE INSERT ON positions WHEN NEW.device_id < 'd1' BEGIN SELECT RAISE(IGNORE); END")
		batch := []codec.Position{full("d2", epoch), full("d0", epoch), full("d3", epoch), full("a", epoch), full("d3", epoch)}
		for _, want := range []InsertResult{{Inserted: 2, Duplicates: 1, Missing: []int{1, 3}}, {Duplicates: 3, Missing: []int{1, 3}}} {
			if got := insert(t, d, batch...); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("result %+v, want %+v", got, want)
			}
		}
	})
}
