package feed

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// secondProcess returns a second feed with the same instance id, and a bench of its
// own: like another process it has its own client, token and metrics.
func (b *bench) secondProcess() (*bench, *Feed) {
	o := newBench(b.t, b.url)
	return o, o.feed(nil)
}

func TestSecondLiveProcessIsRefused(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		first := b.feed(nil)
		if err := first.AcquireLease(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.background(first.KeepLease)
		_, second := b.secondProcess()
		begin := time.Now()
		err := second.AcquireLease(t.Context())
		if err == nil || !strings.Contains(err.Error(), `INSTANCE_ID "one"`) || !strings.Contains(err.Error(), "live process") {
			t.Errorf("the second process got %v", err)
		}
		if d, ttl := time.Since(begin), b.feed(nil).opt.LeaseTTL; d < ttl {
			t.Errorf("refused after %v, before the %v that a lease lasts", d, ttl)
		}
		if first.keySets[0].lease.isLost() {
			t.Error("the first process lost its lease")
		}
	})
}

func TestRestartAfterACrash(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		dead := b.feed(nil)
		if err := dead.AcquireLease(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := dead.CreateGroups(t.Context()); err != nil {
			t.Fatal(err)
		}
		next, f := b.secondProcess()
		next.start(f)
		publish(t, b.client, "s", 0, 5, "a")
		next.wantRecords(5, []string{"a"})
	})
}

func TestDeletedLeaseIsTakenAgain(t *testing.T) {
	s := testenv.Redis(t)
	b := newBench(t, s.URL())
	f := b.feed(nil)
	if err := f.AcquireLease(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop := b.background(f.KeepLease)
	held := func() bool {
		v, err := s.Try("GET", leaseKey("one"))
		return err == nil && v == f.keySets[0].lease.token
	}
	s.Do("DEL", leaseKey("one"))
	b.eventually("the lease to be taken again after it was deleted", held)
	s.Kill()
	s.Start() // empty
	b.eventually("the lease to be taken again after the server lost it", held)
	if err := stop(); err != nil || f.keySets[0].lease.isLost() {
		t.Errorf("KeepLease ended with %v, lost %v", err, f.keySets[0].lease.isLost())
	}
}

func TestRunEndsWhenAnotherHoldsTheLease(t *testing.T) {
	s := testenv.Redis(t)
	b := newBench(t, s.URL())
	f := b.feed(func(o *Options) { o.Ephemeral = true })
	if err := f.AcquireLease(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.CreateGroups(t.Context()); err != nil {
		t.Fatal(err)
	}
	run := make(chan error, 1)
	go func() { run <- f.Run(context.Background()) }()
	b.eventually("the feed to be ready", func() bool { return f.Ready() == nil })

	s.Do("SET", leaseKey("one"), "another's token")
	if err := f.KeepLease(t.Context()); !errors.Is(err, ErrLeaseLost) {
		t.Errorf("KeepLease ended with %v", err)
	}
	if err := <-run; !errors.Is(err, ErrLeaseLost) {
		t.Errorf("Run ended with %v", err)
	}
	select {
	case <-f.Lost():
	default:
		t.Error("Lost is not closed")
	}
	if err := f.Ready(); !errors.Is(err, ErrLeaseLost) {
		t.Errorf("Ready: %v", err)
	}
	if n := b.log.count("level=ERROR", "INSTANCE_ID=one"); n != 1 {
		t.Errorf("%d log lines name the id, want 1", n)
	}
	// The keys of the id belong to the other process.
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if got := s.Do("GET", leaseKey("one")); got != "another's token" {
		t.Errorf("Close changed the lease of the other process to %q", got)
	}
	if _, ok, err := b.client.GroupLastDelivered(t.Context(), "s", f.group); err != nil || !ok {
		t.Errorf("Close destroyed the group of the other process: exists %v, %v", ok, err)
	}
}

// A process was suspended for longer than its lease lasts, and another one has taken
// the id. When the first one resumes, it reads nothing that the other should receive.
// KeepLease does not run in this test, so the readers must notice the loss.
func TestSuspendedProcessReadsNothingOfItsSuccessor(t *testing.T) {
	for _, tt := range []struct {
		name    string
		suspend func(b *bench, p *testenv.TCPProxy) (resume func())
	}{
		{"between two reads", func(b *bench, _ *testenv.TCPProxy) func() { return b.sink.block() }},
		{"during a read", func(_ *bench, p *testenv.TCPProxy) func() { p.Stall(); return p.Resume }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := testenv.Redis(t)
			p := testenv.Proxy(t, s.Addr())
			direct := open(t, s.URL())
			b := newBench(t, "redis://"+p.Addr())
			old := b.feed(func(o *Options) { o.Block = 50 * time.Millisecond })
			stopLease := b.prepare(old)
			ended := make(chan error, 1)
			stop := b.background(func(ctx context.Context) error {
				err := old.Run(ctx)
				ended <- err
				return err
			})
			publish(t, direct, "s", 0, 5, "a")
			b.wantRecords(5, []string{"a"})
			if err := stopLease(); err != nil {
				t.Fatal(err)
			}
			resume := tt.suspend(b, p)
			publish(t, direct, "s", 5, 6, "a")

			next := newBench(t, s.URL())
			f := next.feed(nil)
			next.start(f)
			resume()
			var all []string
			for n := range 100 {
				d := fmt.Sprintf("b%d", n)
				publish(t, direct, "s", 0, 30, d)
				all = append(all, d)
			}
			next.wantRecords(30, all)
			select {
			case err := <-ended:
				if !errors.Is(err, ErrLeaseLost) {
					t.Errorf("Run of the old process ended with %v", err)
				}
			case <-time.After(30 * time.Second):
				t.Error("Run of the old process has not ended")
				_ = stop()
			}
			if !old.keySets[0].lease.isLost() || old.Ready() == nil {
				t.Errorf("the old process: lost %t, ready %v", old.keySets[0].lease.isLost(), old.Ready())
			}
		})
	}
}

func TestCloseReleasesTheLease(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		f := b.feed(nil)
		if err := f.Close(t.Context()); err != nil {
			t.Errorf("close before anything: %v", err)
		}
		if err := f.AcquireLease(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop := b.background(f.KeepLease)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := f.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		_, next := b.secondProcess()
		begin := time.Now()
		if err := next.AcquireLease(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d > next.opt.LeaseTTL/2 {
			t.Errorf("the next process waited %v for a lease that was released", d)
		}
	})
}

// A waiting process starts as soon as the lease is released.
func TestWaitingProcessTakesAReleasedLease(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		first := b.feed(func(o *Options) { o.LeaseTTL = 20 * time.Second })
		if err := first.AcquireLease(t.Context()); err != nil {
			t.Fatal(err)
		}
		o := newBench(t, b.url)
		second := o.feed(func(o *Options) { o.LeaseTTL = 3 * time.Second })
		got := make(chan error, 1)
		go func() { got <- second.AcquireLease(context.Background()) }()
		o.eventually("the second process to wait", func() bool { return o.log.count("instance id is leased") == 1 })
		if err := first.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-got; err != nil {
			t.Errorf("the waiting process: %v", err)
		}
	})
}

func TestAcquireLeaseEndsWithItsContext(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		if err := b.feed(nil).AcquireLease(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		o := newBench(t, b.url)
		f := o.feed(func(o *Options) { o.LeaseTTL = time.Minute })
		got := make(chan error, 1)
		go func() { got <- f.AcquireLease(ctx) }()
		o.eventually("the second process to wait", func() bool { return o.log.count("instance id is leased") == 1 })
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the end of the context", err)
		}
	})
}

// While a lease was expired, another process may have held it. Taking it again starts
// a new term, in which nothing is read before the group is back in place.
func TestLeaseRenewedTooLateIsANewTerm(t *testing.T) {
	onEachServer(t, func(t *testing.T, b *bench) {
		f := b.feed(func(o *Options) { o.LeaseTTL = time.Minute })
		if err := f.AcquireLease(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := f.CreateGroups(t.Context()); err != nil {
			t.Fatal(err)
		}
		l, r := f.keySets[0].lease, f.readers[0]
		defer r.conn.Close()
		first := l.current()
		renew := func() {
			t.Helper()
			if err := l.renew(t.Context(), l.client); err != nil {
				t.Fatal(err)
			}
		}
		if renew(); l.current() != first || first == lapsed {
			t.Fatalf("after a renewal in time: term %d, want %d", l.current(), first)
		}
		l.mu.Lock()
		l.until = time.Now().Add(-time.Second)
		l.mu.Unlock()
		if l.current() != lapsed {
			t.Error("an expired lease counts as held")
		}
		if renew(); l.current() == first || l.current() == lapsed {
			t.Errorf("after a late renewal: term %d, want another than %d", l.current(), first)
		}
		publish(t, b.client, "s", 0, 1, "a")
		if got, err := r.readNext(t.Context(), nil); !errors.Is(err, errLapsed) {
			t.Errorf("read %d entries, %v, before the group was back in place", len(got), err)
		}
		if err := r.resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := r.readNext(t.Context(), nil); err != nil || len(got) != 1 {
			t.Errorf("read %d entries, %v, afterwards", len(got), err)
		}
	})
}
