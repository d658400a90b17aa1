package archive

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/testenv"
)

// rowTrigger is a trigger that runs PL/pgSQL for each row and then accepts the row.
func rowTrigger(body string) string {
	return "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + body + " RETURN NEW; END $$;" +
		"CREATE TRIGGER refuse BEFORE INSERT ON positions FOR EACH ROW EXECUTE FUNCTION refuse()"
}

// dropTrigger removes what rowTrigger created.
const dropTrigger = "DROP TRIGGER refuse ON positions; DROP FUNCTION refuse()"

// retryOften makes an archive retry entries that are held back at short intervals.
func retryOften(o *Options) { o.ClaimInterval, o.ReadyFault = 20*time.Millisecond, time.Nanosecond }

// TestOneRefusedRowBecomesADeadLetter: the database refuses one row for a reason that
// may concern every row. The row does not block others. It becomes a letter after
// another row was accepted, and not before.
func TestOneRefusedRowBecomesADeadLetter(t *testing.T) {
	const bad = "d-000999"
	for _, tt := range []struct{ name, sql, ts, words string }{
		{"a foreign key on an unknown tracker", `CREATE TABLE trackers (id text PRIMARY KEY);
			INSERT INTO trackers SELECT 'd-' || lpad(n::text, 6, '0') FROM generate_series(0, 500) n;
			ALTER TABLE positions ADD CONSTRAINT known FOREIGN KEY (device_id) REFERENCES trackers`, "", "known"},
		{"another unique index", `CREATE TABLE other (n int UNIQUE); INSERT INTO other VALUES (1);` +
			rowTrigger("IF NEW.device_id = '"+bad+"' THEN INSERT INTO other VALUES (1); END IF;"), "", "other_n_key"},
		{"a trigger that raises", rowTrigger("IF NEW.device_id = '" + bad + "' THEN RAISE 'no such tracker'; END IF;"), "", "no such tracker"},
		{"a trigger that returns NULL", rowTrigger("IF NEW.device_id = '" + bad + "' THEN RETURN NULL; END IF;"), "", "a trigger leaves it out"},
		{"a position of 2007 where others make the months", "", "2007-05-01T00:00:00Z", "ARCHIVE_PARTITION_AHEAD"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onPostgres(t, func(t *testing.T, r *rig) {
				if tt.ts != "" && len(r.partitionNames()) == 0 {
					r.partition() // a single table would accept 2007
					if _, err := r.db.MakePartitions(t.Context(), db.Months(time.Now(), 1)); err != nil {
						t.Fatal(err)
					}
				}
				testenv.Postgres(t).Query(r.pgURL, tt.sql)
				refused := func() string {
					return r.add(stream, "device_id", bad, "ts", tt.ts, "lat", "1", "lon", "1")
				}
				r.publish(stream, 0, 50)
				first := refused()
				r.publish(stream, 50, 49)
				a := r.newArchive(func(o *Options) { retryOften(o); o.PartitionAhead = 0 })
				r.run(a)
				r.eventually("the others", func() bool { return r.metric("processor_archive_rows_total") == 99 })
				r.publish(stream, 99, 1) // NULL is noticed only after the others were inserted
				r.wantRows(100)
				r.wantRefused(tt.words, first)

				last := refused()
				r.eventually("it to be held back", func() bool { return r.log.count("they wait in the stream") > 0 && r.pending(stream).Count == 1 })
				r.eventually("readiness to say so", func() bool {
					err := a.Ready()
					return err != nil && strings.Contains(err.Error(), "refuses every row") && strings.Contains(err.Error(), tt.words)
				})
				r.eventually("several retries", func() bool { return r.delivered(last) >= 5 })
				r.wantRefused(tt.words, first)
				r.publish(stream, 100, 1)
				r.wantRows(101)
				r.wantRefused(tt.words, first, last)
				r.eventually("readiness", func() bool { return a.Ready() == nil })
			})
		})
	}
}

// wantRefused compares the source ids of the dead letters. All of them must be of rows
// that the database refused with the words.
func (r *rig) wantRefused(words string, ids ...string) {
	r.t.Helper()
	var got []string
	for _, l := range r.deadLetters(stream) {
		got = append(got, l[7])
		if l[1] != reasonRefused || !strings.Contains(l[3], words) {
			r.t.Errorf("letter %s: %s, %q; want %s, and words with %q", l[7], l[1], l[3], reasonRefused, words)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(ids) {
		r.t.Errorf("letters of %v, want of %v", got, ids)
	}
}

// delivered returns how often a pending entry was delivered to consumer "one".
func (r *rig) delivered(id string) int64 {
	r.t.Helper()
	if r.pending(stream).Count == 0 { // there may be no group yet
		return 0
	}
	for _, e := range r.server.Do("XPENDING", stream, Group, id, id, "1").([]any) {
		if e := e.([]any); e[1] == "one" {
			return e[3].(int64)
		}
	}
	return 0
}

// TestADatabaseThatRefusesEveryRow: a broken trigger, or an empty table of trackers,
// causes no letters. All records are written when it is repaired.
func TestADatabaseThatRefusesEveryRow(t *testing.T) {
	for _, tt := range []struct{ name, begin, end string }{
		{"a trigger that raises", rowTrigger("RAISE 'broken';"), dropTrigger},
		{"a trigger that returns NULL", rowTrigger("RETURN NULL;"), dropTrigger},
		{"a table of trackers without rows", "CREATE TABLE trackers (id text PRIMARY KEY); ALTER TABLE positions ADD FOREIGN KEY (device_id) REFERENCES trackers",
			"INSERT INTO trackers SELECT 'd-' || lpad(n::text, 6, '0') FROM generate_series(0, 999) n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newServerRig(t, migratedURL(t))
			pg := testenv.Postgres(t)
			pg.Query(r.pgURL, tt.begin)
			a := r.newArchive(retryOften)
			stop := r.run(a)
			const n, times = 120, 3
			for k := range times { // read while every row is refused
				r.publish(stream, k*n, n)
				r.eventually("the records to wait", func() bool { return r.pending(stream).Count == int64((k+1)*n) })
			}
			first := r.firstPending()
			r.eventually("readiness to say so", func() bool {
				err := a.Ready()
				return err != nil && strings.Contains(err.Error(), "refuses every row")
			})
			r.eventually("several retries", func() bool { return r.delivered(first) >= 5 })
			if err := stop(); err != nil { // a new process does not know about the refusals
				t.Fatal(err)
			}
			a = r.newArchive(retryOften)
			r.run(a)
			r.eventually("several retries again", func() bool { return r.delivered(first) >= 10 })
			pg.Query(r.pgURL, tt.end)
			r.wantRows(times * n)
			r.eventually("readiness", func() bool { return a.Ready() == nil })
			r.wantMetric("processor_archive_dead_total", 0)
			if r.log.count("the database accepts rows again") == 0 {
				t.Error("the recovery is not logged")
			}
		})
	}
}

// firstPending returns the oldest pending entry.
func (r *rig) firstPending() string { return r.pending(stream).Oldest.String() }

// TestRetriesOfRefusedRowsAreCheap: while the database refuses every row, a pass over a
// thousand rows does not insert each of them alone.
func TestRetriesOfRefusedRowsAreCheap(t *testing.T) {
	r := newServerRig(t, migratedURL(t))
	testenv.Postgres(t).Query(r.pgURL, rowTrigger("RAISE 'broken';"))
	const n = 1000
	r.publish(stream, 0, n)
	r.leavePending("one", n)
	store := &faultyStore{Store: r.db}
	a := r.newArchive(func(o *Options) { o.Store = store })
	reader := newReader(a, stream, newMonitor(a, stream, r.slog()), r.slog())
	for pass, most := range []int{2 * n, n, n} {
		before := store.calls()
		if err := reader.processPending(t.Context(), t.Context()); err != nil {
			t.Fatal(err)
		}
		if calls := store.calls() - before; calls > most {
			t.Errorf("pass %d: %d statements for %d rows, want at most %d", pass, calls, n, most)
		}
	}
	if got := maxHeldEntries - a.held[stream].room(); got != n {
		t.Errorf("%d entries are held back, want %d", got, n)
	}
}

// TestRowsWaitForTheCurrentMonth: when the current month is missing, current rows are
// held back, although late rows of other months are accepted.
func TestRowsWaitForTheCurrentMonth(t *testing.T) {
	r := newServerRig(t, migratedURL(t))
	r.partition()
	if _, err := r.db.MakePartitions(t.Context(), []time.Time{monthAgo(1)}); err != nil {
		t.Fatal(err)
	}
	r.run(r.newArchive(func(o *Options) { retryOften(o); o.PartitionAhead = 0 }))
	var today string
	for n := range 20 {
		r.publishAt(2*n, monthAgo(1))
		today = r.add(stream, "device_id", fmt.Sprintf("d-%06d", 2*n+1), "lat", "1", "lon", "1")
		r.eventually("the late one", func() bool { return r.metric("processor_archive_rows_total") == n+1 })
	}
	r.eventually("retries of the others", func() bool { return r.delivered(today) >= 5 })
	r.wantMetric("processor_archive_dead_total", 0)
	if _, err := r.db.MakePartitions(t.Context(), db.Months(time.Now(), 0)); err != nil {
		t.Fatal(err)
	}
	r.wantRows(40)
	r.wantMetric("processor_archive_dead_total", 0)
}

// An insert that began before a refusal proves nothing, even if it ends after it: the
// cause of the refusal may have appeared after the insert began.
func TestAcceptanceCountsInsertsByTheirStart(t *testing.T) {
	var a acceptance
	began := a.tick()
	refused := a.tick()
	a.refused(time.Unix(10, 0), "no")
	if ended := a.accepted(began); !ended || a.acceptedSince(refused) {
		t.Errorf("an insert that began before: ended %v, counts %v; want true, false", ended, a.acceptedSince(refused))
	}
	if a.accepted(a.tick()); !a.acceptedSince(refused) {
		t.Error("an insert that began after the refusal does not count")
	}
	if a.accepted(began); !a.acceptedSince(refused) {
		t.Error("an older insert replaces the newer one")
	}
	a.refused(time.Unix(20, 0), "no")
	a.refused(time.Unix(25, 0), "not at all")
	for _, tt := range []struct {
		now, limit time.Duration
		want       bool
	}{{29, 10, false}, {30, 10, true}, {1000, 0, false}} {
		err := a.fault(time.Unix(int64(tt.now), 0), tt.limit*time.Second)
		if got := err != nil && strings.Contains(err.Error(), "not at all"); got != tt.want {
			t.Errorf("at %d s with limit %d s: %v, want an error: %v", tt.now, tt.limit, err, tt.want)
		}
	}
	if a.clear(); a.fault(time.Unix(1000, 0), 1) != nil {
		t.Error("a fault although no row waits")
	}
}

// Only a position of the month of its arrival counts as lacking its month.
func TestLacksItsMonth(t *testing.T) {
	at := func(s string) int64 {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v.UnixMilli()
	}
	arrival := at("2026-11-30T23:59:59Z")
	for ts, want := range map[string]bool{"2026-11-01T00:00:00Z": true, "2026-10-31T23:59:59Z": false, "2026-12-01T00:00:00Z": false, "2007-05-01T00:00:00Z": false} {
		p := codec.Position{TS: at(ts), Arrival: arrival}
		if got := lacksItsMonth(&p, fmt.Errorf("x: %w", errNoMonth)); got != want {
			t.Errorf("%s: %v, want %v", ts, got, want)
		}
		if lacksItsMonth(&p, errMissing) {
			t.Errorf("%s: another refusal counts", ts)
		}
	}
}
