// Package pace limits repetition: retries against a server that cannot be reached,
// and log lines of a fault that persists. The packages that talk to servers share
// it; the fan-out path does not use it.
//
// It starts no goroutine. A Backoff belongs to one goroutine at a time; a
// LogLimiter may be used by any.
package pace

import (
	"cmp"
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// FirstDelay and LastDelay bound the waits of a Backoff.
const (
	FirstDelay = 50 * time.Millisecond
	LastDelay  = 5 * time.Second
)

// Backoff is the wait between attempts: it doubles, and half of it is random,
// so that many processes do not reconnect at the same moment: 50 ms
// at first, 5 s at most. The zero value is ready. One goroutine uses it.
type Backoff struct{ next time.Duration }

// Delay returns how long to wait now.
func (b *Backoff) Delay() time.Duration {
	d := max(b.next, FirstDelay)
	b.next = min(2*d, LastDelay)
	return d/2 + rand.N(d/2)
}

// Reset begins anew after a success.
func (b *Backoff) Reset() { b.next = 0 }

// Sleep waits for d, or returns why ctx has ended. It returns at once when d is
// 0 or less.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// FaultEvery is how often a repeating fault is logged.
const FaultEvery = 10 * time.Second

// LogLimiter lets a repeating fault be logged once per interval, with its count.
// The zero value is ready. Any goroutine may use it; it must not be copied after
// its first use.
type LogLimiter struct {
	Every time.Duration // 0: FaultEvery

	mu    sync.Mutex
	until time.Time // nothing is logged before
	n     int       // faults since the last one logged
}

// Allow counts one fault. ok says to log it, as n faults since the last one that
// was logged.
func (l *LogLimiter) Allow(now time.Time) (n int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	if now.Before(l.until) {
		return 0, false
	}
	n, l.n = l.n, 0
	l.until = now.Add(cmp.Or(l.Every, FaultEvery))
	return n, true
}
