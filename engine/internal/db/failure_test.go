package db

import (
	"context"
	"testing"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

// alter changes the schema without a migration, as an operator may.
func alter(t *testing.T, d Database, url, postgres, sqliteText string) {
	t.Helper()
	if s, ok := d.(*sqlite); ok {
		if _, err := s.write.ExecContext(t.Context(), sqliteText); err != nil {
			t.Fatal(err)
		}
		return
	}
	testenv.Postgres(t).Query(url, postgres)
}

// onBoth runs fn on each kind of database, with the URL of PostgreSQL.
func onBoth(t *testing.T, fn func(t *testing.T, d Database, url string)) {
	t.Helper()
	t.Run("postgres", func(t *testing.T) {
		url := migratedURL(t)
		fn(t, openDatabase(t, Options{URL: url, Logger: discard}), url)
	})
	t.Run("sqlite", func(t *testing.T) { fn(t, openDatabase(t, Options{DataDir: migratedDir(t), Logger: discard}), "") })
}

func TestContentFailuresAreClassified(t *testing.T) {
	const guard = "ALTER TABLE positions ADD COLUMN guard INTEGER CHECK (speed IS NULL OR speed < 500)"
	for _, tt := range []struct {
		name, postgres, sqlite string
		p                      codec.Position
		want                   bool
	}{
		{"a check that an operator added", guard, guard,
			change(full("fast", epoch), func(p *codec.Position) { p.Speed = 501 }), true},
		{"a column that is NOT NULL", "ALTER TABLE positions ALTER COLUMN codec SET NOT NULL",
			"ALTER TABLE positions ADD COLUMN must TEXT NOT NULL DEFAULT 'x' CHECK (codec IS NOT NULL)", bare("bare", epoch), true},
		{"a column that is missing", "ALTER TABLE positions DROP COLUMN speed",
			"ALTER TABLE positions DROP COLUMN speed", full("any", epoch), false},
		{"a table that is missing", "DROP TABLE positions", "DROP TABLE positions", full("any", epoch), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, d Database, url string) {
				alter(t, d, url, tt.postgres, tt.sqlite)
				_, err := d.InsertPositions(t.Context(), []codec.Position{tt.p})
				if err == nil || (Classify(err) == FailureContent) != tt.want {
					t.Errorf("%v is of kind %d; want content: %v", err, Classify(err), tt.want)
				}
				if r := insertOf(d, full("slow", epoch)); tt.want && r != nil {
					t.Errorf("a good row after the refusal: %v", r)
				}
			})
		})
	}
}

// raising is a trigger that refuses every row with an SQLSTATE.
func raising(state string) string {
	return `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '` + state + `'; END $$;
		CREATE TRIGGER refuse BEFORE INSERT ON positions FOR EACH ROW EXECUTE FUNCTION refuse()`
}

func insertOf(d Database, p codec.Position) error {
	_, err := d.InsertPositions(context.Background(), []codec.Position{p})
	return err
}

// A missing partition is not the fault of a row. A trigger may raise the same
// SQLSTATE.
func TestNoPartitionIsNotContent(t *testing.T) {
	d, pg := byMonth(t, Options{URL: monthlyURL(t), Logger: discard})
	err := insertOf(d, full("d", epoch))
	if state := sqlState(err); state != checkFailed || Classify(err) != FailureRefused || !IsMissingPartition(err) {
		t.Errorf("%v has SQLSTATE %q, is of kind %d, IsMissingPartition %v; want %s, %d, true", err, state, Classify(err), IsMissingPartition(err), checkFailed, FailureRefused)
	}
	pg.Query(d.pool.Config().ConnString(), "ALTER TABLE positions ADD CONSTRAINT no_pole CHECK (lat < 40)")
	makeMonths(t, d, "2025-06")
	if err := insertOf(d, full("d", epoch)); Classify(err) != FailureContent || IsMissingPartition(err) {
		t.Errorf("%v of a check is of kind %d, IsMissingPartition %v; want %d, false", err, Classify(err), IsMissingPartition(err), FailureContent)
	}
	pg.Query(d.pool.Config().ConnString(), "ALTER TABLE positions DROP CONSTRAINT no_pole;"+raising("23514"))
	if err := insertOf(d, full("d", epoch)); Classify(err) != FailureContent || IsMissingPartition(err) {
		t.Errorf("%v of a trigger is of kind %d, IsMissingPartition %v; want %d, false", err, Classify(err), IsMissingPartition(err), FailureContent)
	}
}
