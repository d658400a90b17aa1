package feed

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
)

// lease is the right to an instance id: a key in Redis that carries a random
// token and runs out unless it is renewed. Without it two processes with one id
// would share a consumer group, and each would see half the stream.
type lease struct {
	client *redis.Client
	log    *slog.Logger
	id     string
	key    string
	token  string
	ttl    time.Duration

	once *sync.Once
	lost chan struct{} // closed when another's token was found
}

func newLease(c *redis.Client, log *slog.Logger, id string, ttl time.Duration) lease {
	return lease{
		client: c, log: log, id: id, key: leaseKey(id), token: rand.Text(), ttl: ttl,
		once: new(sync.Once), lost: make(chan struct{}),
	}
}

func (l *lease) isLost() bool {
	select {
	case <-l.lost:
		return true
	default:
		return false
	}
}

// take takes or renews the lease.
func (l *lease) take(ctx context.Context) (bool, error) {
	return l.client.TakeLease(ctx, l.key, l.token, l.ttl)
}

// drop gives the lease up. One that is not there any more is no error.
func (l *lease) drop(ctx context.Context) error {
	_, err := l.client.DropLease(ctx, l.key, l.token)
	return err
}

// AcquireLease takes the lease of the instance id. When another process holds
// it, it waits as long as a lease lasts and a little more: a holder that died
// lets it run out, one that lives has renewed it by then, and AcquireLease
// fails with an error that names INSTANCE_ID. Keep it with KeepLease.
func (f *Feed) AcquireLease(ctx context.Context) error {
	l := &f.lease
	deadline := time.Now().Add(l.ttl + l.ttl/5)
	for first := true; ; first = false {
		last := !time.Now().Before(deadline)
		held, err := l.take(ctx)
		if err != nil {
			return fmt.Errorf("take the lease of INSTANCE_ID %q: %w", l.id, err)
		}
		if held {
			return nil
		}
		if last {
			return fmt.Errorf("INSTANCE_ID %q is used by another live process: "+
				"give each process an id of its own, or none", l.id)
		}
		if first {
			l.log.Info("instance id is leased, waiting to see whether its holder lives", "wait", l.ttl+l.ttl/5)
		}
		if err := sleep(ctx, min(l.ttl/5, time.Until(deadline))); err != nil {
			return fmt.Errorf("wait for the lease of INSTANCE_ID %q: %w", l.id, err)
		}
	}
}

// KeepLease renews the lease until ctx ends, which is no error. A lease that ran
// out meanwhile is taken again. When another process has taken it, KeepLease
// closes Lost and returns ErrLeaseLost. While Redis is away it goes on trying.
func (f *Feed) KeepLease(ctx context.Context) error {
	l := &f.lease
	tick := time.NewTicker(l.ttl / 5)
	defer tick.Stop()
	fault := pace.Quiet{Every: pace.FaultEvery}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		held, err := l.take(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if n, ok := fault.Tell(time.Now()); ok {
				l.log.Warn("lease not renewed", "err", err, "times", n)
			}
		case !held:
			l.log.Error("another live process has taken the instance id, live part ends", "INSTANCE_ID", l.id)
			l.once.Do(func() { close(l.lost) })
			return ErrLeaseLost
		}
	}
}

// sleep waits, or returns the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
