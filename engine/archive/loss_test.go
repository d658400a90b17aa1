package archive

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"pitwall/codec"
	"pitwall/engine/internal/testenv"
)

// TestTrimmedBeforeDeliveryIsCounted trims a stream twice beyond the entries that were
// delivered to a stalled archive. The loss is counted exactly, and the entries in its
// memory are written.
func TestTrimmedBeforeDeliveryIsCounted(t *testing.T) {
	server := testenv.Redis(t)
	r := newRig(t, server.URL(), "")
	var stall atomic.Pointer[chan struct{}] // inserts wait for it to be closed
	hold := func() (release func()) {
		released := make(chan struct{})
		stall.Store(&released)
		return func() { close(released) }
	}
	store := &faultyStore{Store: r.db, before: func(ctx context.Context, _ int, batch []codec.Position) error {
		select {
		case <-*stall.Load():
		case <-ctx.Done():
		}
		return ctx.Err()
	}}
	release := hold()
	r.run(r.newArchive(func(o *Options) { o.Store = store }))
	const lag = `processor_archive_lag_ms{stream="telemetry:t"}`
	n := 0
	r.eventually("a lag", func() bool {
		r.publish(stream, n, 1)
		n++
		return r.metric(lag) > 0
	})
	release()
	r.wantRows(n)
	r.eventually("a measurement after everything was delivered", func() bool { return r.metric(lag) == 0 })

	release = hold()
	r.publish(stream, n, 130)
	r.eventually("pending entries", func() bool { return r.pending(stream).Count > 0 })
	delivered := int(r.pending(stream).Count)
	server.Do("XTRIM", stream, "MAXLEN", "=", "80")
	lost := func(n int) func() bool {
		return func() bool { return r.metric("processor_archive_lost_total") == n }
	}
	r.eventually("the loss", lost(130-delivered-80))
	server.Do("XTRIM", stream, "MAXLEN", "=", "40")
	r.eventually("more loss", lost(130-delivered-40))
	release()
	r.eventually("the rest", func() bool { return r.metric("processor_archive_rows_total") == n+delivered+40 })
	r.wantNothingPends(stream)
	if n := r.log.count("they are lost"); n != 1 {
		t.Errorf("%d log lines about the loss, want 1", n)
	}
	if n := r.log.count("only the process that holds them"); n != 1 {
		t.Errorf("%d log lines about the trimmed pending entries, want 1", n)
	}
	r.wantMetric("processor_archive_lost_total", 130-delivered-40)
}

func TestIdleConsumersAreRemoved(t *testing.T) {
	server := testenv.Redis(t)
	r := newRig(t, server.URL(), "")
	r.publish(stream, 0, 10)
	r.leavePending("with pending entries", 10)
	server.Do("XGROUP", "CREATECONSUMER", stream, Group, "without pending entries")
	idle := func(i int) int64 { // as the removal sees it
		return server.Do("XINFO", "CONSUMERS", stream, Group).([]any)[i].([]any)[5].(int64)
	}
	r.eventually("both to be idle", func() bool { return idle(0) > 0 && idle(1) > 0 })
	// The archive's own consumer is idle as well while it waits for entries, and may
	// be removed. That must lose nothing.
	r.run(r.newArchive(func(o *Options) {
		o.ConsumerIdle, o.ClaimIdle, o.ClaimInterval = time.Millisecond, time.Hour, 20*time.Millisecond
	}))
	names := func() map[string]bool {
		found := map[string]bool{}
		for _, c := range server.Do("XINFO", "CONSUMERS", stream, Group).([]any) {
			found[c.([]any)[1].(string)] = true
		}
		return found
	}
	r.eventually("the consumer to be removed", func() bool { return !names()["without pending entries"] })
	if !names()["with pending entries"] {
		t.Error("a consumer with pending entries was removed")
	}
	r.publish(stream, 10, 10)
	r.eventually("new rows", func() bool { return r.metric("processor_archive_rows_total") == 10 })
}

func TestDeadLettersNearTheirBoundAreLogged(t *testing.T) {
	onAllServers(t, func(t *testing.T, r *rig) {
		for range 8 {
			r.add(stream, "nonsense", "1")
		}
		r.run(r.newArchive(func(o *Options) { o.DeadMaxLen = 10 }))
		r.eventually("a warning", func() bool { return r.log.count("are near DEAD_MAXLEN or DEAD_MAXBYTES") == 1 })
		if n := r.metric(`processor_archive_dead_letters{stream="telemetry:t"}`); n != 8 {
			t.Errorf("the gauge says %d letters, want 8", n)
		}
	})
}
