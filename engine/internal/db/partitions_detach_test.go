package db

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pitwall/codec"
)

func TestDetachPartitions(t *testing.T) {
	url := monthlyURL(t)
	d, pg := byMonth(t, Options{URL: url, Logger: discard})
	makeMonths(t, d, "2025-04", "2025-05", "2025-06", "2025-07")
	may, june := instantOf(t, "2025-05-31T23:59:59Z").UnixMilli(), instantOf(t, "2025-06").UnixMilli()
	insert(t, d, full("a", may), full("a", june))
	detach := func(before string, want ...string) {
		t.Helper()
		got, err := d.DetachPartitions(t.Context(), instantOf(t, before))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("detached before %s: %v (-want +got):\n%s", before, err, diff)
		}
	}
	detach("2025-04-30T23:59:59Z")
	detach("2025-06", "positions_2025_04", "positions_2025_05")
	detach("2025-06")
	if got := pg.Query(url, "SELECT (SELECT count(*) FROM positions), (SELECT count(*) FROM positions_2025_05)"); got != "1|1" {
		t.Errorf("rows in positions and in the month detached: %s", got)
	}
	if diff := cmp.Diff(full("a", june), lastGood(t, d, time.Hour)["a"]); diff != "" {
		t.Errorf("last position (-want +got):\n%s", diff)
	}
	pg.Query(url, "UPDATE positions_2025_05 SET faulty = true") // notifies nobody, and does not fail

	// The month is made again, under another name. The detached table stays.
	if got := makeMonths(t, d, "2025-05"); len(got) != 1 || got[0] != "positions_2025_05_2" {
		t.Errorf("made %v", got)
	}
	// After the new one is detached, the old one is attached without a scan.
	detach("2025-06", "positions_2025_05_2")
	pg.Query(url, "ALTER TABLE positions ATTACH PARTITION positions_2025_05 FOR VALUES FROM ('2025-05-01T00:00:00Z') TO ('2025-06-01T00:00:00Z')")
	if r := insert(t, d, change(full("a", may), func(p *codec.Position) { p.Faulty = true })); r.Duplicates != 1 {
		t.Errorf("a repeat in the month attached again: %+v", r)
	}
}

// A transaction that has read positions delays the end of a detach, but blocks neither
// writers nor the making of months. An interrupted detach is finished later.
func TestAnInterruptedDetachIsFinished(t *testing.T) {
	url := monthlyURL(t)
	d, pg := byMonth(t, Options{URL: url, Logger: discard})
	makeMonths(t, d, "2025-04", "2025-05", "2025-06")
	insert(t, d, full("a", instantOf(t, "2025-05").UnixMilli()))
	reader, err := d.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Rollback(context.Background())
	if _, err := reader.Exec(t.Context(), "SELECT count(*) FROM positions"); err != nil {
		t.Fatal(err)
	}
	before := instantOf(t, "2025-06")
	names, err := d.DetachPartitions(t.Context(), before)
	if len(names) != 0 || err == nil || !strings.Contains(err.Error(), "pg_stat_activity") || !strings.Contains(err.Error(), "positions_2025_04") {
		t.Fatalf("with a reader: %v, %v", names, err)
	}
	const pending = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending"
	if got := pg.Query(url, pending); got != "1" {
		t.Fatalf("%s partitions are pending, want 1", got)
	}
	if r := insert(t, d, full("b", epoch)); r.Inserted != 1 {
		t.Errorf("insert during the detach: %+v", r)
	}
	makeMonths(t, d, "2025-07")
	if err := reader.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	names, err = d.DetachPartitions(t.Context(), before)
	if diff := cmp.Diff([]string{"positions_2025_04", "positions_2025_05"}, names); diff != "" || err != nil {
		t.Errorf("after the reader has ended: %v (-want +got):\n%s", err, diff)
	}
	if got := pg.Query(url, pending); got != "0" {
		t.Errorf("%s partitions are pending", got)
	}
}

// Only one process detaches at a time; others do nothing.
func TestOnlyOneProcessDetaches(t *testing.T) {
	url := monthlyURL(t)
	d, _ := byMonth(t, Options{URL: url, Logger: discard})
	makeMonths(t, d, "2025-04")
	other, err := d.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	if _, err := other.Exec(t.Context(), "SELECT pg_advisory_lock($1, $2)", partitionLock, lockDetach); err != nil {
		t.Fatal(err)
	}
	if names, err := d.DetachPartitions(t.Context(), time.Now()); len(names) != 0 || err != nil {
		t.Errorf("while another process detaches: %v, %v", names, err)
	}
	if _, err := other.Exec(t.Context(), "SELECT pg_advisory_unlock($1, $2)", partitionLock, lockDetach); err != nil {
		t.Fatal(err)
	}
	if names, err := d.DetachPartitions(t.Context(), time.Now()); len(names) != 1 || err != nil {
		t.Errorf("afterwards: %v, %v", names, err)
	}
}
