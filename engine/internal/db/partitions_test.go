package db

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pitwall/engine/internal/testenv"
)

// byMonth opens a database of monthlyURL.
func byMonth(t testing.TB, o Options) (*postgres, *testenv.PostgresServer) {
	t.Helper()
	return openDatabase(t, o).(*postgres), testenv.Postgres(t)
}

func makeMonths(t testing.TB, d Database, months ...string) []string {
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

// instantOf parses a month, or a time in it.
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

// partitionBounds lists the partitions of positions with their bounds in UTC.
func partitionBounds(pg *testenv.PostgresServer, url string) []string {
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
		{"neighbours only", of(0, 10, 20, 30), of(10, 20)},
		{"all of it", of(10, 20), nil},
		{"more than it", of(0, 100), nil},
		{"its beginning", of(0, 12), of(12, 20)},
		{"its end", of(18, 100), of(10, 18)},
		{"its middle", of(12, 18), of(10, 12, 18, 20)},
		{"unsorted", of(18, 19, 12, 13, 0, 11), of(11, 12, 13, 18, 19, 20)},
		{"all of it, in parts", of(15, 25, 5, 15), nil},
	} {
		if diff := cmp.Diff(tt.want, (span{at(10), at(20)}).free(tt.taken), cmp.AllowUnexported(span{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
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

// Every partition has the triggers, and none has them with NoTriggers.
func TestPartitionsHaveTheTriggers(t *testing.T) {
	const triggers = `SELECT string_agg(c.relname || ' ' || tgname, ', ' ORDER BY c.relname)
		FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid WHERE c.relname LIKE 'positions%'`
	for _, without := range []bool{false, true} {
		t.Run(fmt.Sprint("NoTriggers ", without), func(t *testing.T) {
			url := testenv.NewDatabase(t)
			d, pg := migrated(t, Options{URL: url, Logger: discard, NoTriggers: without}), testenv.Postgres(t)
			if done, err := d.EnablePartitions(t.Context()); err != nil || !done {
				t.Fatalf("enable: %v, %v", done, err)
			}
			makeMonths(t, d, "2025-06", "2025-07")
			want := "positions pitwall_notify_faulty, positions_2025_06 pitwall_notify_faulty, positions_2025_07 pitwall_notify_faulty"
			if without {
				if got := pg.Query(url, triggers); got != "" {
					t.Errorf("triggers %q, want none", got)
				}
				// If they are enabled later, the existing months get them.
				migrated(t, Options{URL: url, Logger: discard})
			}
			if got := pg.Query(url, triggers); got != want {
				t.Errorf("triggers %q, want %q", got, want)
			}
		})
	}
}

func TestRetentionNamesTheDefaultPartition(t *testing.T) {
	url := monthlyURL(t)
	d, pg := byMonth(t, Options{URL: url, Logger: discard})
	pg.Query(url, "CREATE TABLE rest PARTITION OF positions DEFAULT")
	if err := d.CheckRetention(t.Context()); err == nil || !strings.Contains(err.Error(), "DETACH PARTITION rest") {
		t.Errorf("the check says %v", err)
	}
	makeMonths(t, d, "2025-06") // an empty default partition does not prevent it
}

// The newest rows of a device are searched from the newest month backwards. Months
// before the one that has them are not read.
func TestLastPositionsStopsAtTheNewestMonth(t *testing.T) {
	d, _ := byMonth(t, Options{URL: monthlyURL(t), Logger: discard})
	if _, err := d.MakePartitions(t.Context(), Months(instantOf(t, "2024-08"), 12)); err != nil {
		t.Fatal(err)
	}
	for _, m := range Months(instantOf(t, "2024-08"), 10) {
		insert(t, d, full("a", m.UnixMilli()))
	}
	for name, query := range map[string]string{"newest": newestRow, "shown": shownRow} {
		plan := lastPlan(t, d, query, probeArrays([]probe{{"a", math.MinInt64, math.MaxInt64}})...)
		if n := strings.Count(plan, "(never executed)"); n != 10 {
			t.Errorf("%s: %d of thirteen months were not read, want 10:\n%s", name, n, plan)
		}
		if strings.Contains(plan, "Sort") || strings.Contains(plan, "Merge Append") {
			t.Errorf("%s: the plan sorts or merges the months:\n%s", name, plan)
		}
	}
	// A search between two times reads only the months in between.
	from := instantOf(t, "2025-03").UnixMilli()
	args := probeArrays([]probe{{"a", from, from + 1}})
	for name, plan := range map[string]string{"good": lastPlan(t, d, goodRows, append(args, pageRows)...), "faulty": lastPlan(t, d, faultyRows, args...)} {
		if n := strings.Count(plan, "(never executed)"); n != 12 {
			t.Errorf("%s: %d of thirteen months were not read, want 12:\n%s", name, n, plan)
		}
	}
}
