package feed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"pitwall/engine/internal/health"
	"pitwall/engine/internal/pace"
	"pitwall/engine/internal/redis"
)

// identity is an instance id as this process holds it. On a Cluster there is one
// lease per stream, and the process holds the id while it holds all of them.
type identity struct {
	id    string
	token string
	log   *slog.Logger
	check *health.Check // fails when another process has the id

	lostSignal chan struct{} // closed when another process's token was found
	loseOnce   sync.Once     // closes it
}

func newIdentity(o *Options, log *slog.Logger) *identity {
	return &identity{id: o.InstanceID, token: rand.Text(), log: log, check: o.Health.Check(leaseCheck, 0), lostSignal: make(chan struct{})}
}

func (i *identity) isLost() bool {
	select {
	case <-i.lostSignal:
		return true
	default:
		return false
	}
}

// lose records that another process has the id.
func (i *identity) lose() {
	i.loseOnce.Do(func() {
		i.check.Fault(ErrLeaseLost)
		i.log.Error("another live process has taken the instance id, the live part ends", "INSTANCE_ID", i.id)
		close(i.lostSignal)
	})
}

// lease is the exclusive right to an instance id: a key in Redis with a random
// token that expires unless it is renewed. Without it two processes with one id
// would share a consumer group, and each would receive half of the stream.
type lease struct {
	*identity
	client  *redis.Client
	key     string
	ttl     time.Duration
	renewed *health.Check // fails while it is not renewed

	mu    sync.Mutex
	until time.Time // the lease is held at least until then, by this machine's clocks
	term  int       // incremented by a renewal that is too late: another process may have held the lease meanwhile
}

// taker takes a lease: a client, or a reader on its own connection.
type taker interface {
	TakeLease(ctx context.Context, key, token string, ttl time.Duration) (held bool, err error)
}

// take takes or renews the lease.
func (l *lease) take(ctx context.Context, by taker) (held bool, err error) {
	begin := time.Now()
	held, err = by.TakeLease(ctx, l.key, l.token, l.ttl)
	if err != nil || !held {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if past(l.until) {
		l.term++
	}
	if until := begin.Add(l.ttl); until.After(l.until) {
		l.until = until
	}
	return true, nil
}

// renew extends a lease that this process has taken, or takes it again. When another
// process holds it, renew closes lostSignal and returns ErrLeaseLost.
func (l *lease) renew(ctx context.Context, by taker) error {
	held, err := l.take(ctx, by)
	if err != nil || held {
		return err
	}
	l.lose()
	return ErrLeaseLost
}

// lapsed is the term of an expired lease. Terms of held leases are greater.
const lapsed = 0

// current returns the term of the lease, lapsed when it has expired. While the term
// is the same, no other process has held the lease.
func (l *lease) current() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if past(l.until) {
		return lapsed
	}
	return l.term
}

// past reports whether t has passed on either of two clocks. The monotonic clock
// stops while a machine is suspended, and the wall clock can be set back.
func past(t time.Time) bool {
	now := time.Now()
	return now.After(t) || now.Round(0).After(t.Round(0))
}

// release gives up the lease. A lease that does not exist is no error.
func (l *lease) release(ctx context.Context) error {
	l.mu.Lock()
	l.until = time.Time{}
	l.mu.Unlock()
	_, err := l.client.DropLease(ctx, l.key, l.token)
	return err
}

// AcquireLease takes the lease of the instance id. When another process holds it,
// AcquireLease waits a little longer than a lease lasts. The lease of a dead holder
// expires; a live one renews it, and AcquireLease fails with an error that names
// INSTANCE_ID. Renew the lease with KeepLease.
//
// The lease of a suspended holder expires too. It may resume in the middle of a read,
// so AcquireLease closes the connections that it reads on.
func (f *Feed) AcquireLease(ctx context.Context) error {
	l := f.keySets[0].lease
	deadline := time.Now().Add(l.ttl + l.ttl/5)
	for first := true; ; first = false {
		last := !time.Now().Before(deadline)
		held, err := f.takeLeases(ctx)
		if err != nil {
			return fmt.Errorf("take the lease of INSTANCE_ID %q: %w", l.id, err)
		}
		if held {
			return f.killStaleReaders(ctx)
		}
		if last {
			return fmt.Errorf("INSTANCE_ID %q is used by another live process: "+
				"give each process an id of its own, or none", l.id)
		}
		if first {
			l.log.Info("instance id is leased, waiting to see whether its holder is alive", "wait", l.ttl+l.ttl/5)
		}
		if err := pace.Sleep(ctx, min(l.ttl/5, time.Until(deadline))); err != nil {
			return fmt.Errorf("wait for the lease of INSTANCE_ID %q: %w", l.id, err)
		}
	}
}

// takeLeases takes the leases of all key sets, or none. If there are several, it
// first checks that none exists: a live holder may have failed to renew some of them
// because of a failover of their servers.
func (f *Feed) takeLeases(ctx context.Context) (held bool, err error) {
	for _, k := range f.keySets {
		if len(f.keySets) == 1 {
			break
		}
		if exists, err := f.opt.Client.Exists(ctx, k.lease.key); err != nil || exists {
			return false, err
		}
	}
	for i, k := range f.keySets {
		if held, err = k.lease.take(ctx, f.opt.Client); held {
			continue
		}
		for _, taken := range f.keySets[:i] {
			err = errors.Join(err, taken.lease.release(ctx))
		}
		return false, err
	}
	return true, nil
}

// killStaleReaders closes the connections on which another process reads under this
// id. That process then checks the lease before its next read. If the server or the
// login lacks CLIENT LIST or CLIENT KILL, a suspended holder notices by its clocks
// that the lease has expired, but a read that it had sent before is still served.
func (f *Feed) killStaleReaders(ctx context.Context) error {
	for _, k := range f.keySets {
		l := k.lease
		n, err := l.client.CloseNamed(ctx, l.key, l.key)
		if err != nil && !redis.IsRefused(err) {
			return fmt.Errorf("take the lease of INSTANCE_ID %q: %w", l.id, err)
		}
		if n > 0 {
			l.log.Warn("the previous process with this instance id was suspended, its connections have been closed", "INSTANCE_ID", l.id, "connections", n)
		}
	}
	return nil
}

// KeepLease renews the lease until ctx ends, which is no error. It takes an expired
// lease again. When another process has taken it, KeepLease closes Lost and returns
// ErrLeaseLost. While Redis is away it retries.
func (f *Feed) KeepLease(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, k := range f.keySets { // one goroutine each: a server that is away must not delay the others
		all.Go(func() {
			if err := k.lease.keep(ctx); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); errors.Is(err, ErrLeaseLost) {
		return err
	}
	return nil
}

// keep renews one lease until ctx ends or another process has the id.
func (l *lease) keep(ctx context.Context) error {
	tick := time.NewTicker(l.ttl / 5)
	defer tick.Stop()
	var fault pace.LogLimiter
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := l.renew(ctx, l.client)
		if ctx.Err() != nil {
			return nil
		}
		if l.renewed.Report(err); errors.Is(err, ErrLeaseLost) {
			return err
		}
		if err == nil {
			continue
		}
		if n, ok := fault.Allow(time.Now()); ok {
			l.log.Warn("lease not renewed", "lease", l.key, "error", err, "times", n)
		}
	}
}
