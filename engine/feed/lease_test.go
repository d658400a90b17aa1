package feed

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"pitwall/engine/internal/testenv"
)

// other makes a second feed with the same instance id, as another process
// would: with a client, a token and metrics of its own.
func (b *bench) other() (*bench, *Feed) {
	o := newBench(b.t, b.url)
	return o, o.feed(nil)
}

func TestSecondLiveProcessIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		first := b.feed(nil)
		if err := first.AcquireLease(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.background(first.KeepLease)
		_, second := b.other()
		begin := time.Now()
		err := second.AcquireLease(t.Context())
		if err == nil || !strings.Contains(err.Error(), `INSTANCE_ID "one"`) || !strings.Contains(err.Error(), "live process") {
			t.Errorf("the second process got %v", err)
		}
		if d, ttl := time.Since(begin), b.feed(nil).opt.LeaseTTL; d < ttl {
			t.Errorf("refused after %v, but a lease lasts %v", d, ttl)
		}
		if first.lease.isLost() {
			t.Error("the first process lost its lease")
		}
	})
}

func TestRestartAfterACrashComesUp(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		dead := b.feed(nil)
		if err := dead.AcquireLease(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := dead.CreateGroups(t.Context()); err != nil {
			t.Fatal(err)
		}
		next, f := b.other()
		if err := f.AcquireLease(t.Context()); err != nil {
			t.Fatalf("the restart: %v", err)
		}
		next.background(f.KeepLease)
		next.running(f)
		publish(t, b.client, "s", 0, 5, "a")
		next.complete(5, []string{"a"})
	})
}

func TestLeaseIsTakenAgainWhenItIsGone(t *testing.T) {
	s := testenv.Redis(t)
	b := newBench(t, s.URL())
	f := b.feed(nil)
	if err := f.AcquireLease(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop := b.background(f.KeepLease)
	held := func() bool { v, err := s.Try("GET", leaseKey("one")); return err == nil && v == f.lease.token }
	s.Do("DEL", leaseKey("one"))
	b.eventually("the lease is back after it was deleted", held)
	s.Kill()
	s.Start() // empty
	b.eventually("the lease is back after the server lost it", held)
	if err := stop(); err != nil || f.lease.isLost() {
		t.Errorf("KeepLease ended with %v, lost %v", err, f.lease.isLost())
	}
}

func TestTheLivePartEndsWhenAnotherHoldsTheLease(t *testing.T) {
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
	b.eventually("the feed is ready", func() bool { return f.Ready() == nil })

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
	// What lies in Redis under the id is the other's now.
	if err := f.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if got := s.Do("GET", leaseKey("one")); got != "another's token" {
		t.Errorf("Close left the lease with %q", got)
	}
	if _, ok, err := b.client.GroupLastDelivered(t.Context(), "s", f.group); err != nil || !ok {
		t.Errorf("Close took the group away: there %v, %v", ok, err)
	}
}

func TestCloseGivesTheLeaseUp(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
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
		_, next := b.other()
		begin := time.Now()
		if err := next.AcquireLease(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d > next.opt.LeaseTTL/2 {
			t.Errorf("the next process waited %v for a lease that was given up", d)
		}
	})
}

// A starter that waits comes up as soon as the lease is free.
func TestAWaitingStarterTakesAFreedLease(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		first := b.feed(func(o *Options) { o.LeaseTTL = 20 * time.Second })
		if err := first.AcquireLease(t.Context()); err != nil {
			t.Fatal(err)
		}
		o := newBench(t, b.url)
		second := o.feed(func(o *Options) { o.LeaseTTL = 3 * time.Second })
		got := make(chan error, 1)
		go func() { got <- second.AcquireLease(context.Background()) }()
		o.eventually("the starter to wait", func() bool { return o.log.count("instance id is leased") == 1 })
		if err := first.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-got; err != nil {
			t.Errorf("the waiting starter: %v", err)
		}
	})
}

func TestAcquireLeaseEndsWithItsContext(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		if err := b.feed(nil).AcquireLease(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		o := newBench(t, b.url)
		f := o.feed(func(o *Options) { o.LeaseTTL = time.Minute })
		got := make(chan error, 1)
		go func() { got <- f.AcquireLease(ctx) }()
		o.eventually("the starter to wait", func() bool { return o.log.count("instance id is leased") == 1 })
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the end of the context", err)
		}
	})
}
