package feed

import (
	"errors"
	"testing"
	"time"

	"pitwall/engine/internal/health"
	"pitwall/engine/internal/testenv"
)

// status returns the health of one component of f.
func status(t *testing.T, f *Feed, name string) health.Status {
	t.Helper()
	for _, p := range f.opt.Health.Parts() {
		if p.Part == name {
			return p
		}
	}
	t.Fatalf("no component %q in %v", name, f.opt.Health.Parts())
	return health.Status{}
}

// A stream that cannot be read is reported until it recovers, whatever the other
// stream does.
func TestHealthOfEachStream(t *testing.T) {
	s := testenv.Redis(t)
	b := newBench(t, s.URL())
	f := b.feed(func(o *Options) { o.Streams, o.Block = []string{"s", "faulty"}, 50*time.Millisecond })
	b.start(f)
	s.Do("SET", "faulty", "a plain value")
	b.eventually("the fault", func() bool { return status(t, f, "feed faulty").State == health.Failed })
	since := status(t, f, "feed faulty").Since
	publish(t, b.client, "s", 0, 50, "a")
	b.wantRecords(50, []string{"a"})
	if p := status(t, f, "feed faulty"); p.State != health.Failed || !p.Since.Equal(since) || p.Reason == "" {
		t.Errorf("while the other stream is read: %+v, want failed since %v", p, since)
	}
	if p := status(t, f, "feed s"); p.State != health.OK {
		t.Errorf("the other stream: %+v", p)
	}
	s.Do("DEL", "faulty")
	b.eventually("the recovery", func() bool { return f.opt.Health.Ready() == nil })
	for _, text := range []string{"part has a fault", "part has recovered"} {
		if n := b.log.count(text, `part="feed faulty"`); n != 1 {
			t.Errorf("%q is logged %d times, want once", text, n)
		}
	}
}

// A server that is away for less than the grace period degrades the components, and
// the process stays ready.
func TestShortOutageKeepsReadiness(t *testing.T) {
	s := testenv.Redis(t, testenv.AOF())
	b := newBench(t, s.URL())
	f := b.feed(func(o *Options) { o.Block, o.ReadyAway = 50*time.Millisecond, time.Hour })
	b.start(f)
	s.Stop()
	for _, name := range []string{"feed s", "lease"} {
		b.eventually("the fault of "+name, func() bool { return status(t, f, name).State == health.Degraded })
	}
	if err := f.opt.Health.Ready(); err != nil {
		t.Errorf("within the grace period: %v", err)
	}
	s.Start()
	for _, name := range []string{"feed s", "lease"} {
		b.eventually("the recovery of "+name, func() bool { return status(t, f, name).State == health.OK })
	}
}

func TestLostLeaseFailsReadinessAtOnce(t *testing.T) {
	s := testenv.Redis(t)
	b := newBench(t, s.URL())
	f := b.feed(func(o *Options) { o.ReadyAway = health.Never })
	if err := f.AcquireLease(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Do("SET", leaseKey("one"), "another's token")
	if err := f.KeepLease(t.Context()); !errors.Is(err, ErrLeaseLost) {
		t.Fatal(err)
	}
	if p := status(t, f, "lease"); p.State != health.Failed || p.Reason != ErrLeaseLost.Error() {
		t.Errorf("the lease: %+v", p)
	}
}
