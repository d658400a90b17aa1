// Package pace spaces out what is repeated: attempts at a server that is away,
// and log lines of a fault that goes on. It stands beside the way of a
// position; the rooms that talk to servers share it.
//
// A value belongs to one goroutine at a time; the package starts none.
package pace

import (
	"context"
	"math/rand/v2"
	"time"
)

// FirstDelay and LastDelay bound the waits of a Backoff.
const (
	FirstDelay = 50 * time.Millisecond
	LastDelay  = 5 * time.Second
)

// Backoff is the wait between attempts: it doubles, and half of it is random,
// so that many processes do not come back to a server at the same moment: 50 ms
// at first, 5 s at most. The zero value is ready.
type Backoff struct{ next time.Duration }

// Delay returns how long to wait now.
func (b *Backoff) Delay() time.Duration {
	d := max(b.next, FirstDelay)
	b.next = min(2*d, LastDelay)
	return d/2 + rand.N(d/2)
}

// Reset begins anew after a success.
func (b *Backoff) Reset() { b.next = 0 }

// Sleep waits, or returns why ctx has ended. No time and less is none.
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

// FaultEvery is the time in which a repeating fault is logged once.
const FaultEvery = 10 * time.Second

// Quiet lets a repeating fault be logged once per interval, with its count.
type Quiet struct {
	Every time.Duration
	until time.Time
	n     int
}

// Tell counts one fault. ok says to log it, as n since the last one logged.
func (q *Quiet) Tell(now time.Time) (n int, ok bool) {
	q.n++
	if now.Before(q.until) {
		return 0, false
	}
	n, q.n = q.n, 0
	q.until = now.Add(q.Every)
	return n, true
}
