package db

import (
	"context"
	"errors"
	"testing"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

// alter changes the schema behind Pitwall's back, as an operator may.
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

// both runs fn on each kind of database, with the URL of PostgreSQL.
func both(t *testing.T, fn func(t *testing.T, d Database, url string)) {
	t.Helper()
	t.Run("postgres", func(t *testing.T) {
		url := testenv.NewDatabase(t)
		fn(t, migrated(t, Options{URL: url, Logger: discard}), url)
	})
	t.Run("sqlite", func(t *testing.T) { fn(t, migrated(t, Options{DataDir: t.TempDir(), Logger: discard}), "") })
}

func TestIsContent(t *testing.T) {
	const guard = "ALTER TABLE positions ADD COLUMN guard INTEGER CHECK (speed IS NULL OR speed < 500)"
	for _, tt := range []struct {
		name, postgres, sqlite string
		p                      codec.Position
		want                   bool
	}{
		{"a check that an operator added", guard, guard,
			change(full("fast", epoch), func(p *codec.Position) { p.Speed = 501 }), true},
		{"a column that must be filled", "ALTER TABLE positions ALTER COLUMN codec SET NOT NULL",
			"ALTER TABLE positions ADD COLUMN must TEXT NOT NULL DEFAULT 'x' CHECK (codec IS NOT NULL)", bare("bare", epoch), true},
		{"a column that is missing", "ALTER TABLE positions DROP COLUMN speed",
			"ALTER TABLE positions DROP COLUMN speed", full("any", epoch), false},
		{"a table that is missing", "DROP TABLE positions", "DROP TABLE positions", full("any", epoch), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			both(t, func(t *testing.T, d Database, url string) {
				alter(t, d, url, tt.postgres, tt.sqlite)
				_, err := d.InsertPositions(t.Context(), []codec.Position{tt.p})
				if err == nil || IsContent(err) != tt.want {
					t.Errorf("IsContent(%v) is %v, want %v", err, IsContent(err), tt.want)
				}
				if r := insertOf(d, full("slow", epoch)); tt.want && r != nil {
					t.Errorf("a good row after it: %v", r)
				}
			})
		})
	}
	if IsContent(nil) || IsContent(context.Canceled) || IsContent(errors.New("x")) {
		t.Error("errors of other origin count as content")
	}
}

func insertOf(d Database, p codec.Position) error {
	_, err := d.InsertPositions(context.Background(), []codec.Position{p})
	return err
}

// Faults that an operator must see to are no content, though their SQLSTATE is
// that of a check.
func TestNoPartitionIsNotContent(t *testing.T) {
	url := testenv.NewDatabase(t)
	testenv.Postgres(t).Query(url, `CREATE TABLE positions (device_id text NOT NULL, ts timestamptz NOT NULL,
		lat float8 NOT NULL, lon float8 NOT NULL) PARTITION BY RANGE (ts)`)
	d := migrated(t, Options{URL: url, Logger: discard})
	err := insertOf(d, full("d", epoch))
	if state := sqlState(err); state != checkFailed || IsContent(err) {
		t.Errorf("%v has SQLSTATE %q and IsContent %v, want %s and false", err, state, IsContent(err), checkFailed)
	}
}
