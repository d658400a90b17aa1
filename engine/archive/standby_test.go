package archive

import (
	"strconv"
	"testing"
	"time"

	"pitwall/engine/internal/db"
	"pitwall/engine/internal/testenv"
)

// The synchronous standby stops answering, and inserts exceed their deadline. The rows
// are on the primary, but repeated inserts acknowledge nothing. The rows that are
// acknowledged after the standby is back survive the loss of the primary.
func TestNothingIsAcknowledgedBeforeTheStandbyHasIt(t *testing.T) {
	primary, standby := testenv.PostgresPair(t)
	r := newRig(t, testenv.Redis(t).URL(), migrate(t, db.Options{URL: primary.URL()}))
	primary.Query(r.pgURL, "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
	primary.Query(r.pgURL, "SELECT pg_reload_conf()")
	r.eventually("the standby to be synchronous", func() bool {
		return primary.Query(r.pgURL, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1"
	})
	const n = 50
	resume := standby.SuspendReceiver()
	r.publish(stream, 0, n)
	stop := r.run(r.newArchive(func(o *Options) { o.InsertTimeout = 200 * time.Millisecond }))
	r.eventually("several attempts to insert", func() bool { return r.metric("processor_archive_failures_total") >= 5 })
	if rows := primary.Query(r.pgURL, "SELECT count(*) FROM positions"); rows != strconv.Itoa(n) {
		t.Errorf("%s rows are on the primary, want %d", rows, n)
	}
	if p := r.pending(stream); p.Count != n {
		t.Errorf("%d entries are pending, want %d: no standby has them", p.Count, n)
	}
	r.wantMetric("processor_archive_rows_total", 0)
	resume()
	r.wantNothingPends(stream)
	primary.Crash()
	standby.Promote()
	if rows := standby.Query(standby.URL(), "SELECT count(*) FROM positions"); rows != strconv.Itoa(n) {
		t.Errorf("the promoted standby has %s rows of %d that were acknowledged", rows, n)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if dead := r.deadLetters(stream); len(dead) != 0 {
		t.Errorf("%d dead letters", len(dead))
	}
}
