package archive

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pitwall/codec"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/testenv"
)

// TestRefusedRowsAreFoundInTheirBatch: some rows fail a check constraint. Only they
// become dead letters, wherever they are in the batch.
func TestRefusedRowsAreFoundInTheirBatch(t *testing.T) { onPostgres(t, testRefusedRows) }

func testRefusedRows(t *testing.T, r *rig) {
	testenv.Postgres(t).Query(r.pgURL, "ALTER TABLE positions ADD CONSTRAINT no_pole CHECK (lat < 80)")
	const n = 400
	bad := []int{0, 1, 57, 200, 201, 202, n - 1}
	var want []string
	k := 0
	for i := range n + len(bad) {
		if slices.Contains(bad, i) {
			want = append(want, r.add(stream, "device_id", fmt.Sprint("bad-", i), "lat", "85", "lon", "1"))
			continue
		}
		r.add(stream, numbered(k, 1)[0]...)
		k++
	}
	store := &faultyStore{Store: r.db}
	r.run(r.newArchive(func(o *Options) { o.Store = store }))
	r.wantRows(n)
	var got []string
	for _, letter := range r.deadLetters(stream) {
		got = append(got, letter[7])
		if letter[1] != reasonRefused {
			t.Errorf("letter %s has reason %q", letter[7], letter[1])
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("dead letters of %v, want of %v", got, want)
	}
	r.waitMetric("processor_archive_refused_total", len(bad))
	r.wantMetric("processor_archive_failures_total", 0)
	if calls := store.calls(); calls > 2*(n+len(bad)) {
		t.Errorf("%d statements for %d rows", calls, n+len(bad))
	}
}

// TestServerFaultsCauseNoDeadLetters: a real server refuses every row, and no row is at
// fault. The archive waits, reports that it is not ready, and writes everything after
// the repair.
func TestServerFaultsCauseNoDeadLetters(t *testing.T) {
	raise := func(state string) string {
		return `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '` + state + `'; END $$;
			CREATE TRIGGER refuse BEFORE INSERT ON positions FOR EACH STATEMENT EXECUTE FUNCTION refuse()`
	}
	const repair = "DROP TRIGGER refuse ON positions; DROP FUNCTION refuse()"
	for _, tt := range []struct{ name, state, begin, end string }{
		{"a column is missing", "42703", "ALTER TABLE positions RENAME COLUMN speed TO spede",
			"ALTER TABLE positions RENAME COLUMN spede TO speed"},
		{"the table is missing", "42P01", "ALTER TABLE positions RENAME TO gone", "ALTER TABLE gone RENAME TO positions"},
		{"read only", "25006", "ALTER DATABASE %s SET default_transaction_read_only = on",
			"SET transaction_read_only = off; ALTER DATABASE %s RESET default_transaction_read_only"},
		{"statement timeout", "57014", `ALTER DATABASE %s SET statement_timeout = '50ms';
			CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(5); RETURN NULL; END $$;
			CREATE TRIGGER refuse BEFORE INSERT ON positions FOR EACH STATEMENT EXECUTE FUNCTION refuse()`,
			"SET statement_timeout = 0; " + repair + "; ALTER DATABASE %s RESET statement_timeout"},
		// Filling a disk needs root. A trigger raises the same error instead.
		{"disk full", "53100", raise("53100"), repair},
		{"rights", "42501", raise("42501"), repair},
		{"an error of a trigger", "P0001", raise("P0001"), repair},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, testenv.Redis(t).URL(), migratedURL(t))
			pg := testenv.Postgres(t)
			states := &errorRecorder{Store: r.db}
			a := r.newArchive(func(o *Options) { retryOften(o); o.Store = states })
			r.run(a)
			r.publish(stream, 0, 10)
			r.wantRows(10)

			// Settings of a database apply to new sessions only.
			setting := strings.Contains(tt.begin, "DATABASE")
			pg.Query(r.pgURL, r.named(tt.begin))
			if setting {
				pg.CutClients()
			}
			r.publish(stream, 10, 100)
			r.eventually("several failures with SQLSTATE "+tt.state, func() bool { return states.count(tt.state) >= 3 })
			if err := a.Ready(); err == nil {
				t.Error("the archive says that it is ready")
			}
			pg.Query(r.pgURL, r.named(tt.end))
			if setting {
				pg.CutClients()
			}
			r.eventually("the rows", func() bool { return pg.Query(r.pgURL, "SELECT count(*) FROM positions") == "110" })
			r.wantNothingPends(stream)
			r.wantMetric("processor_archive_dead_total", 0)
			if err := a.Ready(); err != nil {
				t.Errorf("not ready after the repair: %v", err)
			}
		})
	}
}

// errorRecorder records the errors of a real store.
type errorRecorder struct {
	Store
	mu   sync.Mutex
	errs []string
}

func (s *errorRecorder) InsertPositions(ctx context.Context, batch []codec.Position) (db.InsertResult, error) {
	result, err := s.Store.InsertPositions(ctx, batch)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.errs = append(s.errs, err.Error())
	}
	return result, err
}

// count returns how many errors had a SQLSTATE.
func (s *errorRecorder) count(state string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.errs {
		if strings.Contains(e, "SQLSTATE "+state) {
			n++
		}
	}
	return n
}
