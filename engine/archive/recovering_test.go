package archive

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/db"
	"pitwall/engine/internal/testenv"
)

// TestTheStreamIsCheckedAfterARecovery: while no process read the stream, it may have
// been trimmed beyond the last delivered entry. The next read would hide that, so the
// reader checks first.
func TestTheStreamIsCheckedAfterARecovery(t *testing.T) {
	r := newServerRig(t, "")
	r.publish(stream, 0, 10)
	r.leavePending("one", 10)
	r.publish(stream, 10, 50)
	r.server.Do("XTRIM", stream, "MAXLEN", "=", "20")
	// Only the reader runs, because the monitor would find the loss as well.
	a := r.newArchive(nil)
	log := r.slog()
	reader := newReader(a, stream, newMonitor(a, stream, log), log)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- reader.session(ctx, context.WithoutCancel(ctx)) }()
	r.eventually("the rows", func() bool { return r.metric("processor_archive_rows_total") == 20 })
	cancel()
	<-ended
	if n := r.log.count("before they were delivered"); n != 1 {
		t.Errorf("%d log lines about what was trimmed, want 1", n)
	}
}

// TestADroppedMonthIsMadeAgain: a month was made for an insert, which then failed
// for another reason. When the month is missing again, it is made again.
func TestADroppedMonthIsMadeAgain(t *testing.T) {
	r := newServerRig(t, migratedURL(t))
	r.partition()
	if _, err := r.db.MakePartitions(t.Context(), db.Months(time.Now(), 2)); err != nil {
		t.Fatal(err)
	}
	pg := testenv.Postgres(t)
	month := partitionsSince(monthAgo(3), 0)[0]
	store := &faultyStore{Store: r.db, before: func(_ context.Context, n int, _ []codec.Position) error {
		if n != 2 {
			return nil
		}
		if got := fmt.Sprint(r.partitionNames()); got != fmt.Sprint(append([]string{month}, partitionsSince(time.Now(), 2)...)) {
			t.Errorf("months before the second attempt: %s", got)
		}
		pg.Query(r.pgURL, "DROP TABLE "+month)
		return errInjected
	}}
	r.publishAt(0, monthAgo(3))
	r.run(r.newArchive(func(o *Options) { o.Store = store }))
	r.wantRows(1)
	if calls := store.calls(); calls != 4 {
		t.Errorf("%d inserts, want 4: without the month, with it and failing, without it, with it", calls)
	}
	r.wantMetric("processor_archive_failures_total", 1)
}
