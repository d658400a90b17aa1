package archive

import (
	"context"
	"errors"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/redis"
	"pitwall/engine/internal/testenv"
)

// TestCrashBetweenCommitAndAck ends an archive right after its first commit, before
// any acknowledgement.
func TestCrashBetweenCommitAndAck(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		r.publish(stream, 0, 300)
		ctx, cancel := context.WithCancel(t.Context())
		store := &faultyStore{Store: r.db, after: func(context.Context, int, []codec.Position) error {
			cancel()
			return errInjected
		}}
		err := r.newArchive(func(o *Options) {
			o.Store, o.BatchSize, o.FlushTimeout = store, 200, time.Nanosecond
		}).Run(ctx)
		if !errors.Is(err, errFlushTimeout) {
			t.Fatalf("the first run ended with %v", err)
		}
		if rows, p := len(r.rows(400)), r.pending(stream); rows != 200 || p.Count != 200 {
			t.Fatalf("after the crash %d rows and %d pending, want 200 of both", rows, p.Count)
		}

		stop := r.run(r.newArchive(nil)) // same consumer: it reads its pending entries first
		r.wantRows(300)
		r.wantMetric("processor_archive_duplicates_total", 200)
		r.wantMetric("processor_archive_rows_total", 100)
		if err := stop(); err != nil {
			t.Errorf("the second run ended with %v", err)
		}
	})
}

// TestCommitThatLooksLikeAFailure loses the reply of a COMMIT: the batch is in the
// table and is inserted again.
func TestCommitThatLooksLikeAFailure(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		r.publish(stream, 0, 100)
		store := &faultyStore{Store: r.db, after: failing(2)}
		r.run(r.newArchive(func(o *Options) { o.Store = store }))
		r.wantRows(100)
		r.wantMetric("processor_archive_rows_total", 0)
		r.wantMetric("processor_archive_duplicates_total", 100)
		r.wantMetric("processor_archive_failures_total", 2)
		if n := r.log.count("could not be written"); n != 1 {
			t.Errorf("%d log lines about the failures, want 1", n)
		}
	})
}

// TestAckThatFails kills Redis between commit and acknowledgement.
func TestAckThatFails(t *testing.T) {
	server := testenv.Redis(t, testenv.AOF())
	r := newRig(t, server.URL(), "")
	r.publish(stream, 0, 50)
	r.add(stream, "nonsense", "")
	store := &faultyStore{Store: r.db, after: func(_ context.Context, n int, _ []codec.Position) error {
		if n == 1 {
			server.Kill()
		}
		return nil
	}}
	r.run(r.newArchive(func(o *Options) { o.Store = store }))
	r.eventually("the interruption", func() bool { return r.metric("processor_archive_read_errors_total") > 0 })
	server.Start()
	r.wantRows(50)
	r.wantMetric("processor_archive_duplicates_total", 50)
	// At least once, and exactly once by source id.
	seen := map[string]bool{}
	for _, letter := range r.deadLetters(stream) {
		seen[letter[7]] = true
	}
	if len(seen) != 1 {
		t.Errorf("dead letters of %d source ids, want 1", len(seen))
	}
}

// TestTrimmedAfterItsCommitIsNotLost: the acknowledgement fails, and the pending
// entries are trimmed before they are read again. They are not lost, because they are
// in the table.
func TestTrimmedAfterItsCommitIsNotLost(t *testing.T) {
	r, proxy := newProxiedRig(t)
	server := r.server
	for n := range 50 { // not through the proxy
		server.Do(append([]string{"XADD", stream, "*"}, numbered(n, 1)[0]...)...)
	}
	store := &faultyStore{Store: r.db, after: func(_ context.Context, n int, _ []codec.Position) error {
		if n == 1 {
			proxy.Stall()
			proxy.CutAll()
		}
		return nil
	}}
	r.run(r.newArchive(func(o *Options) { o.Store, o.Writers = store, 1 }))
	r.eventually("the acknowledgement to fail", func() bool { return r.metric("processor_archive_read_errors_total") > 0 })
	server.Do("XTRIM", stream, "MAXLEN", "0")
	server.Do(append([]string{"XADD", stream, "*"}, numbered(50, 1)[0]...)...)
	proxy.Resume()
	r.wantRows(51)
	r.wantMetric("processor_archive_duplicates_total", 0)
	r.wantMetric("processor_archive_lost_total", 0)
	if n := r.log.count("they are lost"); n != 0 {
		t.Errorf("%d log lines about a loss", n)
	}
}

// TestOwnPendingAtStart leaves entries pending on a consumer whose process has ended,
// and starts a process with the same name.
func TestOwnPendingAtStart(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		r.publish(stream, 0, 250)
		r.leavePending("one", 120)
		// Nothing is claimed: the pending entries have not been idle for long enough.
		r.run(r.newArchive(func(o *Options) { o.BatchSize, o.ClaimIdle = 50, time.Hour }))
		r.wantRows(250)
		r.wantMetric("processor_archive_claimed_total", 0)
	})
}

// TestPendingOfACrashedProcessIsClaimed starts a process with another name.
func TestPendingOfACrashedProcessIsClaimed(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		r.publish(stream, 0, 250)
		r.leavePending("crashed", 120)
		r.run(r.newArchive(func(o *Options) {
			o.BatchSize, o.ClaimIdle, o.ClaimInterval = 50, time.Millisecond, 20*time.Millisecond
		}))
		r.wantRows(250)
		r.wantMetric("processor_archive_claimed_total", 120)
		r.wantMetric("processor_archive_duplicates_total", 0)
	})
}

// leavePending gives a consumer the first entries of the stream, which it
// never acknowledges.
func (r *rig) leavePending(consumer string, count int) {
	r.t.Helper()
	if _, err := r.client.CreateGroup(r.t.Context(), stream, Group, redis.ID{}); err != nil {
		r.t.Fatal(err)
	}
	reader := r.client.NewReader(redis.ReadOptions{
		Stream: stream, Group: Group, Consumer: consumer, From: newEntries, Count: count,
	})
	defer reader.Close()
	got, err := reader.Read(r.t.Context(), nil)
	if err != nil || len(got) != count {
		r.t.Fatalf("read %d entries, want %d: %v", len(got), count, err)
	}
}

func TestTrimmedWhilePendingIsCountedAsLost(t *testing.T) {
	for _, tt := range []struct{ name, consumer string }{
		{"on this consumer", "one"},
		{"on another one", "crashed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := testenv.Redis(t)
			r := newRig(t, server.URL(), "")
			r.publish(stream, 500, 30)
			r.leavePending(tt.consumer, 30)
			server.Do("XTRIM", stream, "MAXLEN", "=", "0")
			r.publish(stream, 0, 20)
			r.run(r.newArchive(func(o *Options) {
				o.ClaimIdle, o.ClaimInterval = time.Millisecond, 20*time.Millisecond
			}))
			r.wantRows(20)
			r.eventually("the loss", func() bool { return r.metric("processor_archive_lost_total") == 30 })
			if n := r.log.count("they are lost"); n != 1 {
				t.Errorf("%d log lines about the loss, want 1", n)
			}
		})
	}
}
