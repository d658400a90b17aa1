package db

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pitwall/codec"
)

func TestMakePartitions(t *testing.T) {
	// The catalogue shows bounds in the time format of the session.
	url := monthlyURL(t) + "&timezone=Europe/Vienna&datestyle=SQL,DMY"
	d, pg := byMonth(t, Options{URL: url, Logger: discard})
	url, _, _ = strings.Cut(url, "&")
	if diff := cmp.Diff([]string{"positions_2025_06", "positions_2025_12"}, makeMonths(t, d, "2025-06-30T23:59:59Z", "2025-12")); diff != "" {
		t.Errorf("made (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"positions_2025_07"}, makeMonths(t, d, "2025-06", "2025-07-01T00:00:00Z", "2025-12-31T23:00:00Z")); diff != "" {
		t.Errorf("made the second time (-want +got):\n%s", diff)
	}
	// Existing partitions cover a part of a month, and everything before a time.
	pg.Query(url, `CREATE TABLE before PARTITION OF positions FOR VALUES FROM (MINVALUE) TO ('2024-11-24T10:00:00Z');
		CREATE TABLE days PARTITION OF positions FOR VALUES FROM ('2024-12-05T00:00:00Z') TO ('2024-12-07T00:00:00Z')`)
	got := makeMonths(t, d, "2023-01", "2024-11", "2024-12")
	if diff := cmp.Diff([]string{"positions_2024_11", "positions_2024_12", "positions_2024_12_2"}, got); diff != "" {
		t.Errorf("made between existing partitions (-want +got):\n%s", diff)
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
	if diff := cmp.Diff(want, partitionBounds(pg, url)); diff != "" {
		t.Errorf("partitions (-want +got):\n%s", diff)
	}
	if err := d.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	if err := d.CheckRetention(t.Context()); err != nil {
		t.Error(err)
	}
}

// Several processes make the same months while others write: each month exists once,
// no call fails, and no writer waits for a lock.
func TestConcurrentMakePartitions(t *testing.T) {
	url := monthlyURL(t)
	d, pg := byMonth(t, Options{URL: url, Logger: discard})
	makeMonths(t, d, "2025-06")
	writer, err := d.pool.Begin(t.Context()) // writes, and stays open
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Rollback(context.Background())
	if _, err := writer.Exec(t.Context(), insertPositionsQuery, arrays([]codec.Position{full("a", epoch)}, []int{0})...); err != nil {
		t.Fatal(err)
	}
	months := Months(instantOf(t, "2025-06"), 12)
	var all sync.WaitGroup
	var mu sync.Mutex
	var names []string
	for range 4 {
		other := openDatabase(t, Options{URL: url, Logger: discard})
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
	if n := len(partitionBounds(pg, url)); n != 13 {
		t.Errorf("%d partitions, want 13", n)
	}
}

// The role that writes need not own the table. The error says that the owner must then
// make the months.
func TestMakePartitionsWithoutTheRight(t *testing.T) {
	url := monthlyURL(t)
	_, pg := byMonth(t, Options{URL: url, Logger: discard})
	pg.Query(url, "CREATE ROLE scribe LOGIN PASSWORD 'scribe'; GRANT SELECT, INSERT ON positions TO scribe")
	t.Cleanup(func() { pg.Query(url, "DROP OWNED BY scribe; DROP ROLE scribe") })
	d := openDatabase(t, Options{URL: asRole(t, url, "scribe", "scribe"), Logger: discard})
	if _, err := d.MakePartitions(t.Context(), Months(time.Now(), 0)); err == nil || !strings.Contains(err.Error(), "pitwall partition ensure") {
		t.Errorf("the error is %v", err)
	}
	makeMonths(t, openDatabase(t, Options{URL: url, Logger: discard}), "2025-06")
	if r := insert(t, d, full("a", epoch)); r.Inserted != 1 {
		t.Errorf("insert: %+v", r)
	}
}
