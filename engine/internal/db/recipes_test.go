package db

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

// These tests run the SQL that the README of the archive tells an operator to type.

// recipes returns the blocks of SQL in a section of the README.
func recipes(t *testing.T, heading string) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile("../../archive/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "### "+heading+"\n")
	if !found {
		t.Fatalf("the README has no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	section, _, _ = strings.Cut(section, "\n### ")
	for _, part := range strings.Split(section, "```sql\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, block)
	}
	return blocks
}

// psql runs a script statement by statement, and implements \gexec.
func psql(pg *testenv.PostgresServer, url, script string) {
	for script = strings.TrimSpace(script); script != ""; script = strings.TrimSpace(script) {
		end, gexec := strings.Index(script, ";"), strings.Index(script, `\gexec`)
		if end < 0 || gexec >= 0 && gexec < end {
			for statement := range strings.Lines(pg.Query(url, script[:gexec])) {
				pg.Query(url, statement)
			}
			script = script[gexec+len(`\gexec`):]
			continue
		}
		pg.Query(url, script[:end])
		script = script[end+1:]
	}
}

func TestRecipeForATableThatHoldsRows(t *testing.T) {
	blocks := recipes(t, "A table that holds rows")
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of SQL, want 2", len(blocks))
	}
	url := migratedURL(t)
	d, pg := openDatabase(t, Options{URL: url, Logger: discard}), testenv.Postgres(t)
	insert(t, d, full("a", epoch), full("b", epoch))
	pg.Query(url, blocks[0])
	if done, err := d.EnablePartitions(t.Context()); err != nil || !done {
		t.Fatalf("enable: %v, %v", done, err)
	}
	pg.Query(url, blocks[1])
	if err := d.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	if got := makeMonths(t, d, "2024-01", "2025-06", "2026-11", "2026-12"); len(got) != 1 || got[0] != "positions_2026_12" {
		t.Errorf("made %v, want the month that the old table does not cover", got)
	}
	later := instantOf(t, "2026-12").UnixMilli()
	if diff := cmp.Diff(InsertResult{Inserted: 1, Duplicates: 1}, insert(t, d, full("a", epoch), full("a", later))); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]codec.Position{"a": full("a", later), "b": full("b", epoch)}, lastGood(t, d, 0)); diff != "" {
		t.Errorf("last positions (-want +got):\n%s", diff)
	}
	const triggers = "SELECT count(*) FROM pg_trigger WHERE tgname = 'pitwall_notify_faulty'"
	if got := pg.Query(url, triggers); got != "3" {
		t.Errorf("%s triggers, want one on the table and on each of its two partitions", got)
	}
}

func TestRecipesForAnIndex(t *testing.T) {
	blocks := recipes(t, "An index on a filled table")
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of SQL, want 2", len(blocks))
	}
	url := monthlyURL(t)
	d, pg := byMonth(t, Options{URL: url, Logger: discard})
	makeMonths(t, d, "2026-11", "2026-12")
	november := instantOf(t, "2026-11").UnixMilli()
	insert(t, d, full("a", november))

	psql(pg, url, blocks[0])
	psql(pg, url, blocks[0]) // again, as after a failure
	db := stdlib.OpenDB(*d.direct)
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, fstest.MapFS{"00001_index.sql": {Data: []byte(blocks[1])}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	makeMonths(t, d, "2027-01")
	const valid = `SELECT string_agg(DISTINCT p.relname || ' ' || i.indisvalid || ' ' || (SELECT count(*) FROM pg_inherits WHERE inhparent = p.oid), ', ')
		FROM pg_class p JOIN pg_index i ON i.indexrelid = p.oid WHERE p.relname IN ('positions_codec_idx', 'positions_sats_idx')`
	if got, want := pg.Query(url, valid), "positions_codec_idx true 3, positions_sats_idx true 3"; got != want {
		t.Errorf("the indexes are %q, want %q", got, want)
	}
	if r := insert(t, d, full("a", november), full("a", november+1)); r.Inserted != 1 || r.Duplicates != 1 {
		t.Errorf("insert: %+v", r)
	}
	if err := d.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := provider.Down(t.Context()); err != nil {
		t.Error(err)
	}
}
