package archive

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/testenv"
)

// sizeRecorder records the sizes of inserts that a real store accepted.
type sizeRecorder struct {
	Store
	mu      sync.Mutex
	largest int
}

func (s *sizeRecorder) InsertPositions(ctx context.Context, batch []codec.Position) (result db.InsertResult, err error) {
	result, err = s.Store.InsertPositions(ctx, batch)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.largest = max(s.largest, len(batch))
	}
	return result, err
}

// largestInsert returns the size of the largest insert since the last call.
func (s *sizeRecorder) largestInsert() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, s.largest = s.largest, 0
	return n
}

// countRows counts the rows of the table. The metric may be lower, because it counts
// replies, and the reply of a commit may come too late.
func (r *rig) countRows() int {
	r.t.Helper()
	n, err := strconv.Atoi(testenv.Postgres(r.t).Query(r.pgURL, "SELECT count(*) FROM positions"))
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// TestInsertsThatTakeTooLongAreHalved: a database that can insert only forty rows in
// time gets all rows, across restarts. Whole batches return when it is fast again.
func TestInsertsThatTakeTooLongAreHalved(t *testing.T) {
	const slow = `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF (SELECT count(*) FROM new) > 40 THEN PERFORM pg_sleep(600); END IF; RETURN NULL; END $$;
		CREATE TRIGGER refuse AFTER INSERT ON positions REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION refuse()`
	for _, tt := range []struct {
		name, setting string
		timeout       time.Duration
	}{
		{"by statement_timeout", "ALTER DATABASE %s SET statement_timeout = '500ms'", 0},
		{"by the archive's own deadline", "", 500 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newServerRig(t, migratedURL(t))
			pg := testenv.Postgres(t)
			pg.Query(r.pgURL, slow)
			if tt.setting != "" {
				pg.Query(r.pgURL, r.named(tt.setting))
				r.reopen()
			}
			store := &sizeRecorder{Store: r.db}
			const batch = 160
			start := func() (stop func() error) {
				return r.run(r.newArchive(func(o *Options) { o.Store, o.Writers, o.BatchSize, o.InsertTimeout = store, 1, batch, tt.timeout }))
			}
			r.publish(stream, 0, 2*batch)
			stop := start()
			r.wantRows(2 * batch)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			r.publish(stream, 2*batch, batch)
			start()
			r.wantRows(3 * batch)
			if n := store.largestInsert(); n > 40 {
				t.Errorf("an insert of %d rows succeeded, so the database was not slow and the test shows nothing", n)
			}
			r.wantMetric("processor_archive_dead_total", 0)

			pg.Query(r.pgURL, dropTrigger)
			const n = (3 + 3*growAfter) * batch // enough to grow from a small size
			for k := 3 * batch; k < n; k += batch {
				r.publish(stream, k, batch)
			}
			r.eventually("whole batches", func() bool { return store.largestInsert() == batch })
			r.eventually("all rows", func() bool { return r.countRows() == n })
			r.wantNothingPends(stream)
			r.wantMetric("processor_archive_dead_total", 0)
		})
	}
}

// TestFaultsOfOneAttempt: when an insert fails once and then succeeds, no row is at
// fault.
func TestFaultsOfOneAttempt(t *testing.T) {
	// A sequence is not rolled back, so the trigger can recognize the first attempt.
	first := func(body string) string {
		return "CREATE SEQUENCE attempts; CREATE TABLE counter (n int); INSERT INTO counter VALUES (0);" +
			"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('attempts') = 1 THEN " + body + " END IF; RETURN NULL; END $$;" +
			"CREATE TRIGGER refuse BEFORE INSERT ON positions FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
	}
	const waits = "EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() AND pid <> pg_backend_pid())"
	const until = " LOOP PERFORM pg_stat_clear_snapshot(); EXIT WHEN "
	for _, tt := range []struct{ name, state, sql, other string }{
		// The other transaction waits for the trigger's first lock before the
		// trigger requests the other's lock, and does not detect deadlocks itself.
		{"a deadlock", "40P01", first("PERFORM pg_advisory_xact_lock(2);" + until + waits + "; END LOOP; PERFORM pg_advisory_xact_lock(1);"),
			`BEGIN; SET LOCAL deadlock_timeout = '1h'; SELECT pg_advisory_xact_lock(1); DO $$ BEGIN` + until +
				`EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 2 AND granted); END LOOP; END $$;
				SELECT pg_advisory_xact_lock(2); COMMIT`},
		// Inserts always run at READ COMMITTED, so a trigger raises the error.
		{"a serialization failure", "40001", first("RAISE serialization_failure;"), ""},
		{"a killed backend", "57P01", first("PERFORM pg_terminate_backend(pg_backend_pid());"), ""},
		{"an unavailable lock", "55P03", first("PERFORM set_config('lock_timeout', '50ms', true); UPDATE counter SET n = n + 1;"),
			`BEGIN; UPDATE counter SET n = n + 1; DO $$ BEGIN` + until + `(SELECT last_value FROM attempts) > 1; END LOOP; END $$; COMMIT`},
		{"a full disk", "53100", first("RAISE disk_full;"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newServerRig(t, migratedURL(t))
			pg := testenv.Postgres(t)
			pg.Query(r.pgURL, tt.sql)
			var other sync.WaitGroup
			if tt.other != "" {
				other.Go(func() { pg.Query(r.pgURL, tt.other) })
				r.eventually("the other transaction", func() bool {
					return pg.Query(r.pgURL, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' OR relation = 'counter'::regclass") != "0"
				})
			}
			states := &errorRecorder{Store: r.db}
			r.publish(stream, 0, 100)
			r.run(r.newArchive(func(o *Options) { o.Store, o.Writers = states, 1 }))
			r.wantRows(100)
			other.Wait()
			if n := states.count(tt.state); n != 1 {
				t.Errorf("%d failures with SQLSTATE %s, want 1: %q", n, tt.state, states.errs)
			}
			r.wantMetric("processor_archive_failures_total", 1)
			r.wantMetric("processor_archive_dead_total", 0)
			r.wantMetric("processor_archive_refused_total", 0)
		})
	}
}

// TestALockedKeyBlocksNoOtherRow: another transaction locks the key of one record for a
// long time. The other records are archived, and that record is no dead letter.
func TestALockedKeyBlocksNoOtherRow(t *testing.T) {
	r := newServerRig(t, migratedURL(t))
	pg := testenv.Postgres(t)
	ts := time.Now().UTC().Format(time.RFC3339)
	pg.Query(r.pgURL, "CREATE TABLE done (n int)")
	var other sync.WaitGroup
	other.Go(func() {
		pg.Query(r.pgURL, "BEGIN; INSERT INTO positions (device_id, ts, lat, lon) VALUES ('d-000005', '"+ts+"', 1, 1);"+
			"DO $$ BEGIN LOOP EXIT WHEN EXISTS (SELECT FROM done); PERFORM pg_sleep(0.02); END LOOP; END $$; ROLLBACK")
	})
	r.eventually("the other transaction", func() bool {
		return pg.Query(r.pgURL, "SELECT count(*) FROM pg_locks WHERE relation = 'positions'::regclass AND mode = 'RowExclusiveLock'") != "0"
	})
	r.publish(stream, 0, 5)
	locked := r.add(stream, "device_id", "d-000005", "ts", ts, "lat", "1", "lon", "2")
	r.publish(stream, 6, 5)
	r.run(r.newArchive(func(o *Options) { retryOften(o); o.InsertTimeout = 200 * time.Millisecond }))
	r.eventually("the others", func() bool { return r.countRows() == 10 })
	r.publish(stream, 11, 5)
	r.eventually("the later records", func() bool { return r.countRows() == 15 })
	r.eventually("several retries", func() bool { return r.delivered(locked) >= 5 })
	r.wantMetric("processor_archive_dead_total", 0)
	pg.Query(r.pgURL, "INSERT INTO done VALUES (1)")
	other.Wait()
	r.wantRows(16)
	r.wantMetric("processor_archive_dead_total", 0)
}

func TestInsertSize(t *testing.T) {
	d := newInsertSize(1000)
	work := func(times, n int) {
		for range times {
			d.succeeded(n)
		}
	}
	want := func(when string, rows int) {
		t.Helper()
		if got := d.rows(); got != rows {
			t.Errorf("%s: %d rows, want %d", when, got, rows)
		}
	}
	want("initially", 1000)
	d.failed(1000)
	want("after a failure", 500)
	d.failed(100)
	want("after a smaller one failed", 50)
	work(growAfter-1, 50)
	want("before it grows", 50)
	work(100, 20)
	want("after smaller inserts", 50)
	work(1, 50)
	want("after it has grown", 100)
	for range 10 {
		d.failed(d.rows())
	}
	want("at the minimum", 1)
	work(12*growAfter, 1000)
	want("after many successes", 1000)
}
