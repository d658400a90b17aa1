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

// A row for which there is no partition lacks a table, not content.
func TestNoPartitionIsNotContent(t *testing.T) {
	d, pg := byMonth(t, Options{URL: testenv.NewDatabase(t), Logger: discard})
	err := insertOf(d, full("d", epoch))
	if state := sqlState(err); state != checkFailed || IsContent(err) || !LacksPartition(err) {
		t.Errorf("%v has SQLSTATE %q, IsContent %v, LacksPartition %v; want %s, false, true", err, state, IsContent(err), LacksPartition(err), checkFailed)
	}
	pg.Query(d.pool.Config().ConnString(), "ALTER TABLE positions ADD CONSTRAINT no_pole CHECK (lat < 40)")
	made(t, d, "2025-06")
	if err := insertOf(d, full("d", epoch)); !IsContent(err) || LacksPartition(err) {
		t.Errorf("%v of a check: IsContent %v, LacksPartition %v; want true, false", err, IsContent(err), LacksPartition(err))
	}
}
