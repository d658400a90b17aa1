package archive

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/health"
	"pitwall/engine/internal/testenv"
)

// newSixMonthsRig has a table of partitions with one archived row in each of the last
// six months.
func newSixMonthsRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, testenv.Redis(t).URL(), migratedURL(t))
	r.partition()
	for n := range 6 {
		r.publishAt(n, monthAgo(n))
	}
	stop := r.run(r.newArchive(nil))
	r.wantRows(6)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	return r
}

// publishAt adds the numbered record n with its own time.
func (r *rig) publishAt(n int, at time.Time) {
	r.t.Helper()
	r.add(stream, "device_id", fmt.Sprintf("d-%06d", n), "ts", strconv.FormatInt(at.UnixMilli(), 10), "lat", "47.5", "lon", "8")
}

// partitionNames lists the partitions of the table.
func (r *rig) partitionNames() []string {
	r.t.Helper()
	text := testenv.Postgres(r.t).Query(r.pgURL, `SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = 'positions'::regclass ORDER BY 1`)
	return strings.Fields(text)
}

// partitionsSince names the partitions from the month of first until ahead months
// after the current one.
func partitionsSince(first time.Time, ahead int) (names []string) {
	last := db.Month(time.Now()).AddDate(0, ahead, 0)
	for m := db.Month(first); !m.After(last); m = m.AddDate(0, 1, 0) {
		names = append(names, "positions_"+m.Format("2006_01"))
	}
	return names
}

// monthAgo returns a time shortly after the beginning of the month n months ago.
func monthAgo(n int) time.Time {
	return db.Month(time.Now()).AddDate(0, -n, 0).Add(time.Duration(n) * time.Hour)
}

// Two processes archive records of many months, in mixed order and through a pooler,
// into a table without a month: each month is made once, no insert counts as failed,
// and every row is there once.
func TestManyMonths(t *testing.T) {
	pgURL := migratedURL(t)
	r := newPooledRig(t, testenv.Redis(t).URL(), testenv.PgBouncer(t, pgURL), pgURL)
	r.partition()
	const records, months = 1500, 14
	for n := range records {
		r.publishAt(n, monthAgo(n*5%months).Add(time.Duration(n)*time.Second))
	}
	for _, consumer := range []string{"one", "two"} {
		r.run(r.newArchive(func(o *Options) { o.Consumer, o.BatchSize = consumer, 300 }))
	}
	r.wantRows(records)
	r.wantMetric("processor_archive_rows_total", records)
	r.wantMetric("processor_archive_failures_total", 0)
	r.wantMetric("processor_archive_dead_total", 0)
	r.wantMetric("processor_archive_expired_total", 0)
	want := partitionsSince(monthAgo(months-1), 2)
	r.eventually("the months ahead", func() bool { return slices.Equal(r.partitionNames(), want) })
	r.eventually("the metric", func() bool { return r.metric("processor_archive_partitions_made_total") == len(want) })
	r.wantMetric("processor_archive_partition_failures_total", 0)
}

// With a retention, older months are detached and kept as tables. Older positions are
// acknowledged and not inserted; they cause no month and no dead letter.
func TestRetention(t *testing.T) {
	r := newSixMonthsRig(t)
	const kept = 2
	last := monthAgo(kept)
	if time.Now().UTC().Add(-detachGrace).Month() != time.Now().UTC().Month() {
		last = monthAgo(kept + 1) // on the first of a month it is not detached yet
	}
	stop := r.run(r.newArchive(func(o *Options) { o.Retention = kept }))
	want := partitionsSince(last, 2)
	r.eventually("old months to go", func() bool { return slices.Equal(r.partitionNames(), want) })
	gone := len(partitionsSince(monthAgo(5), 2)) - len(want) // counted a moment after the last is detached
	r.eventually("the metric", func() bool { return r.metric("processor_archive_partitions_detached_total") == gone })
	if got := testenv.Postgres(t).Query(r.pgURL, "SELECT count(*) FROM "+partitionsSince(monthAgo(5), 0)[0]); got != "1" {
		t.Errorf("the detached month has %s rows, want 1", got)
	}

	rows := r.metric("processor_archive_rows_total")
	oldest := db.Month(time.Now()).AddDate(0, -kept, 0)
	r.publishAt(10, oldest.Add(-time.Millisecond))
	r.publishAt(5, monthAgo(5)) // a repeat of what is detached
	r.add(stream, "device_id", "d", "ts", "1", "lat", "91", "lon", "0")
	r.publishAt(11, oldest)
	r.eventually("the row that is kept", func() bool { return r.metric("processor_archive_rows_total") == rows+1 })
	r.wantNothingPends(stream)
	r.eventually("the expired positions", func() bool { return r.metric("processor_archive_expired_total") == 2 })
	r.waitMetric("processor_archive_dead_total", 1) // the broken one
	r.wantMetric("processor_archive_duplicates_total", 0)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if got := r.partitionNames(); !slices.Equal(got, want) {
		t.Errorf("months %v, want %v", got, want)
	}
}

// Positions may become too old while they wait for the database. Their month, which is
// detached by then, is not made again.
func TestExpiredWhileWaiting(t *testing.T) {
	for _, ahead := range []int{2, 0} { // 0: others make the months; positions still expire
		t.Run(fmt.Sprint("ahead ", ahead), func(t *testing.T) { checkExpiredWhileWaiting(t, ahead) })
	}
}

func checkExpiredWhileWaiting(t *testing.T, ahead int) {
	r := newRig(t, testenv.Redis(t).URL(), migratedURL(t))
	r.partition()
	var later shiftedClocks
	store := &faultyStore{Store: r.db, before: func(_ context.Context, n int, _ []codec.Position) error {
		if n == 1 {
			later.set(time.Until(time.Now().AddDate(0, 2, 0)))
		}
		return nil
	}}
	a := r.newArchive(func(o *Options) { o.Store, o.Retention, o.PartitionAhead = store, 1, ahead })
	later.of(a, "database", "Redis", "this machine")
	r.publishAt(0, monthAgo(1))
	r.publishAt(1, time.Now().AddDate(0, 0, -1))
	r.run(a)
	r.eventually("both to expire", func() bool { return r.metric("processor_archive_expired_total") == 2 })
	r.wantNothingPends(stream)
	r.wantMetric("processor_archive_dead_total", 0)
	for _, name := range r.partitionNames() {
		if name == partitionsSince(monthAgo(1), 0)[0] {
			t.Errorf("%s was made for positions that are too old", name)
		}
	}
}

// When others make the months, Pitwall waits for them and the log names the setting.
func TestMonthsMadeByOthers(t *testing.T) {
	r := newRig(t, testenv.Redis(t).URL(), migratedURL(t))
	r.partition()
	r.run(r.newArchive(func(o *Options) { o.PartitionAhead = 0 }))
	r.publishAt(0, monthAgo(0))
	r.eventually("failures", func() bool { return r.metric("processor_archive_failures_total") >= 2 })
	if got := r.partitionNames(); len(got) != 0 {
		t.Errorf("months %v were made", got)
	}
	if r.log.count("ARCHIVE_PARTITION_AHEAD is 0") == 0 {
		t.Error("the log does not name ARCHIVE_PARTITION_AHEAD")
	}
	if _, err := r.db.MakePartitions(t.Context(), []time.Time{monthAgo(0)}); err != nil {
		t.Fatal(err)
	}
	r.wantRows(1)
	r.wantMetric("processor_archive_dead_total", 0)
}

// The archive notices that the table becomes partitioned while it runs.
func TestEnabledWhileRunning(t *testing.T) {
	r := newRig(t, testenv.Redis(t).URL(), migratedURL(t))
	r.run(r.newArchive(nil))
	r.partition()
	r.publish(stream, 0, 100)
	r.wantRows(100)
	r.wantMetric("processor_archive_failures_total", 0)
}

// shiftedClocks shifts clocks into the future.
type shiftedClocks struct{ ahead atomic.Int64 }

func (c *shiftedClocks) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

func (c *shiftedClocks) shift(t time.Time) time.Time { return t.Add(time.Duration(c.ahead.Load())) }

// aheadDatabase is a database whose clock is shifted.
type aheadDatabase struct {
	Partitions
	*shiftedClocks
}

func (d aheadDatabase) Now(ctx context.Context) (time.Time, error) {
	now, err := d.Partitions.Now(ctx)
	return d.shift(now), err
}

// of shifts the named clocks of an archive.
func (c *shiftedClocks) of(a *Archive, names ...string) {
	for _, name := range names {
		switch name {
		case "database":
			a.months.table = aheadDatabase{a.months.table, c}
		case "Redis":
			redis := a.months.redis
			a.months.redis = func(ctx context.Context, stream string) (time.Time, error) {
				now, err := redis(ctx, stream)
				return c.shift(now), err
			}
		case "this machine":
			a.months.now = func() time.Time { return c.shift(time.Now()) }
		}
	}
}

// retentionPart returns the health of the retention, as /readyz shows it.
func retentionPart(o Options) (s health.Status) {
	for _, part := range o.Health.Parts() {
		if part.Part == "retention" {
			s = part
		}
	}
	return s
}

// Whichever clock is a year ahead, nothing is left out and nothing is detached. The
// fault is reported, and ends when the clock is right.
func TestAWrongClockExpiresNothing(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, name := range []string{"database", "Redis", "this machine"} {
		t.Run(name, func(t *testing.T) {
			r := newSixMonthsRig(t)
			var wrong shiftedClocks
			wrong.set(year)
			a := r.newArchive(func(o *Options) { o.Retention, o.PartitionAhead, o.ReadyFault = 2, 0, time.Minute })
			wrong.of(a, name)
			a.months.retryEvery = time.Millisecond
			months := r.partitionNames()
			r.run(a)
			r.eventually("the fault to be reported", func() bool { return retentionPart(a.opt).State == health.Degraded })
			if reason := retentionPart(a.opt).Reason; !strings.Contains(reason, "ARCHIVE_RETENTION_MONTHS") || !strings.Contains(reason, name) {
				t.Errorf("the reason is %q", reason)
			}
			rows := r.metric("processor_archive_rows_total")
			r.publishAt(10, monthAgo(1))
			r.publishAt(11, monthAgo(5)) // too old by the right time
			r.eventually("both rows", func() bool { return r.metric("processor_archive_rows_total") == rows+2 })
			r.eventually("several checks", func() bool { return r.metric("processor_archive_partition_failures_total") > 3 })
			if err := a.Ready(); err != nil {
				t.Errorf("not ready: %v", err)
			}
			if n := r.log.count("the months of positions could not be maintained"); n != 1 {
				t.Errorf("%d lines in the log, want 1", n)
			}
			r.wantMetric("processor_archive_expired_total", 0)
			r.wantMetric("processor_archive_partitions_detached_total", 0)
			if got := r.partitionNames(); !slices.Equal(got, months) {
				t.Errorf("months %v, want %v", got, months)
			}

			wrong.set(0)
			r.eventually("old months to go", func() bool { return r.metric("processor_archive_partitions_detached_total") > 0 })
			r.publishAt(12, monthAgo(5))
			r.eventually("the expired position", func() bool { return r.metric("processor_archive_expired_total") == 1 })
			if s := retentionPart(a.opt); s.State != health.OK {
				t.Errorf("the health of the retention is %+v at the end", s)
			}
		})
	}
}

// Months are made ahead of the database's time, not of this machine's.
func TestMonthsAreMadeByTheDatabasesClock(t *testing.T) {
	r := newRig(t, testenv.Redis(t).URL(), migratedURL(t))
	r.partition()
	var wrong shiftedClocks
	wrong.set(365 * 24 * time.Hour)
	a := r.newArchive(nil)
	wrong.of(a, "this machine", "Redis")
	r.run(a)
	want := partitionsSince(time.Now(), 2)
	r.eventually("the months ahead", func() bool { return slices.Equal(r.partitionNames(), want) })
}

// A position is too old when it was too old at its arrival, or when its month is
// detached. When it is read makes no difference.
func TestWhatIsTooOld(t *testing.T) {
	at := func(text string) time.Time {
		t.Helper()
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tt := range []struct {
		name, now, ts, arrival string
		want                   bool
	}{
		{"new", "2026-11-15T00:00:00Z", "2026-11-14T00:00:00Z", "2026-11-14T00:00:00Z", false},
		{"the oldest that is kept", "2026-11-15T00:00:00Z", "2026-09-01T00:00:00Z", "2026-11-14T00:00:00Z", false},
		{"older", "2026-11-15T00:00:00Z", "2026-08-31T23:59:59Z", "2026-11-14T00:00:00Z", true},
		{"arrived before it expired, and is read after", "2026-12-01T10:00:00Z", "2026-09-01T00:00:00Z", "2026-11-30T23:59:59Z", false},
		{"arrived after it expired", "2026-12-01T10:00:00Z", "2026-09-01T00:00:00Z", "2026-12-01T00:00:00Z", true},
		{"arrived before it expired, and its month is detached", "2026-12-02T00:00:00Z", "2026-09-01T00:00:00Z", "2026-11-30T23:59:59Z", true},
		{"arrived in the future, by a wrong clock", "2026-11-15T00:00:00Z", "2026-11-14T00:00:00Z", "2027-11-14T00:00:00Z", false},
		{"arrived in the future, and is too old now", "2026-11-15T00:00:00Z", "2026-08-14T00:00:00Z", "2027-11-14T00:00:00Z", true},
	} {
		k := monthKeeper{retention: 2, reading: &clockReading{at(tt.now), time.Now()}}
		b := k.bounds()
		if got := b.tooOld(&codec.Position{TS: at(tt.ts).UnixMilli(), Arrival: at(tt.arrival).UnixMilli()}); got != tt.want {
			t.Errorf("%s: too old is %v, want %v", tt.name, got, tt.want)
		}
	}
	for name, k := range map[string]*monthKeeper{"without a retention": {}, "while the time is not known": {retention: 2}} {
		if b := k.bounds(); b.tooOld(&codec.Position{}) {
			t.Errorf("a position of 1970 is too old %s", name)
		}
	}
}

func TestCutoff(t *testing.T) {
	for _, tt := range []struct {
		now    string
		months int
		want   string
	}{
		{"2026-11-24T10:00:00Z", 1, "2026-10-01T00:00:00Z"},
		{"2026-11-01T00:00:00Z", 1, "2026-10-01T00:00:00Z"},
		{"2026-10-31T23:59:59Z", 6, "2026-04-01T00:00:00Z"},
		{"2026-03-31T12:00:00Z", 13, "2025-02-01T00:00:00Z"},
		{"2026-12-01T00:30:00+01:00", 1, "2026-10-01T00:00:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := cutoff(now, tt.months).Format(time.RFC3339); got != tt.want {
			t.Errorf("at %s with %d months: %s, want %s", tt.now, tt.months, got, tt.want)
		}
	}
}
