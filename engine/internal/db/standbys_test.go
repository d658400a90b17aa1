package db

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

// waitingForStandby counts the sessions of the primary that wait for a standby.
const waitingForStandby = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

// synchronous returns a database whose commits wait for a standby.
func synchronous(t *testing.T, log *slog.Logger) (d *postgres, primary, standby *testenv.PostgresServer) {
	t.Helper()
	primary, standby = testenv.PostgresPair(t)
	d = migrated(t, Options{URL: primary.URL(), Logger: log}).(*postgres)
	primary.Query(primary.URL(), "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
	primary.Query(primary.URL(), "SELECT pg_reload_conf()")
	testenv.Eventually(t, within, "the standby to be synchronous", func() bool {
		return primary.Query(primary.URL(), "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1"
	})
	return d, primary, standby
}

// An insert whose wait for the standby was cancelled is repeated and finds its rows.
// It must not succeed before the standby has them, so that a failover loses nothing
// that was acknowledged.
func TestRepeatedRowsWaitForTheStandby(t *testing.T) {
	d, primary, standby := synchronous(t, discard)
	batch := []codec.Position{full("a", epoch), bare("b", epoch)}
	resume := standby.SuspendReceiver()

	// The insert is cancelled while it waits: the rows are only on the primary.
	giveUp, cancel := context.WithCancel(t.Context())
	first := insertAsync(giveUp, d, batch)
	awaitSyncRep(t, primary)
	cancel()
	if a := <-first; !errors.Is(a.err, context.Canceled) {
		t.Fatalf("the cancelled insert returned %+v, %v", a.result, a.err)
	}
	testenv.Eventually(t, within, "the rows to be seen on the primary", func() bool {
		return primary.Query(primary.URL(), "SELECT count(*) FROM positions") == "2"
	})

	again := insertAsync(t.Context(), d, batch)
	awaitSyncRep(t, primary)
	select {
	case a := <-again:
		t.Fatalf("the insert succeeded while the rows are only on the primary: %+v, %v", a.result, a.err)
	default:
	}
	resume()
	if a := <-again; a.err != nil || a.result.Duplicates != len(batch) {
		t.Errorf("once the standby is back: %+v, %v", a.result, a.err)
	}
	primary.Crash()
	standby.Promote()
	if got := standby.Query(standby.URL(), "SELECT count(*) FROM positions"); got != "2" {
		t.Errorf("the promoted standby has %s of the 2 acknowledged rows", got)
	}
}

// The warning that a wait was cancelled makes a commit fail, in any language, and also
// for a role that hides warnings.
func TestCancelledStandbyWaitIsNotASuccess(t *testing.T) {
	d, primary, standby := synchronous(t, discard)
	primary.Query(primary.URL(), "SET synchronous_commit = local; ALTER ROLE pitwall SET client_min_messages = 'error'")
	d.inserts.Reset()
	resume := standby.SuspendReceiver()
	batch := []codec.Position{full("a", epoch)}
	for _, who := range []string{"the first insert", "a repeated insert"} {
		got := insertAsync(t.Context(), d, batch)
		awaitSyncRep(t, primary)
		primary.Query(primary.URL(), "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
		if a := <-got; !errors.Is(a.err, errUnreplicated) || sqlState(a.err) != "" || Classify(a.err) != FailureWait {
			t.Errorf("%s whose wait was cancelled: %+v, %v", who, a.result, a.err)
		}
	}
	resume()
	if r := insert(t, d, batch...); r.Duplicates != 1 {
		t.Errorf("once the standby is back: %+v", r)
	}
	if r := insert(t, d, full("b", epoch)); r.Inserted != 1 {
		t.Errorf("an insert after the cancelled ones: %+v", r)
	}
}

// An insert does not wait when synchronous_commit does not require it. The log says when
// the role may not call the function that makes it wait.
func TestNoWaitWithoutSynchronousCommit(t *testing.T) {
	log := &sharedLog{}
	d, primary, standby := synchronous(t, log.logger())
	insert(t, d, full("a", epoch))
	standby.SuspendReceiver()
	for _, commit := range []string{"off", "local"} {
		o := openDatabase(t, Options{URL: primary.URL() + "&synchronous_commit=" + commit, Logger: discard})
		if r := insert(t, o, full("a", epoch)); r.Duplicates != 1 {
			t.Errorf("with synchronous_commit=%s: %+v", commit, r)
		}
	}
	if log.count("GRANT EXECUTE") != 0 {
		t.Error("the log has a warning without a reason")
	}
	primary.Query(primary.URL(), `SET synchronous_commit = local;
		REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text) FROM public;
		CREATE ROLE least LOGIN; GRANT SELECT, INSERT ON positions, pitwall_extras TO least`)
	least := openDatabase(t, Options{URL: asRole(t, primary.URL(), "least", "x"), Logger: log.logger()})
	if r := insert(t, least, full("a", epoch)); r.Duplicates != 1 {
		t.Errorf("without the function: %+v", r)
	}
	if log.count("GRANT EXECUTE") != 1 {
		t.Error("the log does not say that the function is not allowed")
	}
}

// insertOutcome is the result of an insert.
type insertOutcome struct {
	result InsertResult
	err    error
}

func insertAsync(ctx context.Context, d Database, batch []codec.Position) <-chan insertOutcome {
	c := make(chan insertOutcome, 1)
	go func() {
		r, err := d.InsertPositions(ctx, batch)
		c <- insertOutcome{r, err}
	}()
	return c
}

func awaitSyncRep(t *testing.T, primary *testenv.PostgresServer) {
	t.Helper()
	testenv.Eventually(t, within, "an insert to wait for the standby", func() bool {
		return primary.Query(primary.URL(), waitingForStandby) != "0"
	})
}
