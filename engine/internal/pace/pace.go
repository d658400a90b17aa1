// Package pace limits repetition: retries against a server that cannot be reached, log
// lines of a fault that persists, and wake-ups by a burst of notifications. The
// packages that talk to servers share it; the fan-out path does not use it.
//
// It starts no goroutine. A Backoff belongs to one goroutine at a time. Any goroutine
// may use a LogLimiter and set a Signal.
package pace

import (
	"cmp"
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// FirstDelay and LastDelay are the first and the greatest delay of a Backoff. The actual
// delay is a random time between half of it and all of it.
const (
	FirstDelay = 50 * time.Millisecond
	LastDelay  = 5 * time.Second
)

// Backoff is the delay between attempts. It doubles from FirstDelay to LastDelay. A part
// of it is random, so that many processes do not reconnect at the same moment. The zero
// value is ready to use. One goroutine at a time may use it.
type Backoff struct{ next time.Duration }

// Delay returns the time to wait before the next attempt.
func (b *Backoff) Delay() time.Duration {
	d := max(b.next, FirstDelay)
	b.next = min(2*d, LastDelay)
	return d/2 + rand.N(d/2)
}

// Reset starts again from FirstDelay. Call it after a success.
func (b *Backoff) Reset() { b.next = 0 }

// Jitter varies an interval at random by up to a tenth in either direction, so that many
// processes do not ask a server at the same moment.
func Jitter(d time.Duration) time.Duration {
	tenth := d / 10
	if tenth <= 0 {
		return d
	}
	return d - tenth + rand.N(2*tenth)
}

// Sleep waits for d. If ctx ends first, it returns the cause. It returns at once if
// d is 0 or less.
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

// Signal wakes the goroutine that receives from it. Several calls of Set before it
// receives wake it only once.
type Signal chan struct{}

// NewSignal returns a Signal that is not set.
func NewSignal() Signal { return make(Signal, 1) }

// Set sets the signal. It does not block.
func (s Signal) Set() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// FaultEvery is the default interval of a LogLimiter.
const FaultEvery = 10 * time.Second

// LogLimiter limits the log lines of a repeated fault to one per interval. Each line can
// state the number of faults since the line before. The zero value is ready to use. Any
// goroutine may use it. It must not be copied after its first use.
type LogLimiter struct {
	Every time.Duration // 0: FaultEvery

	mu    sync.Mutex
	until time.Time // end of the interval in which nothing is logged
	n     int       // faults since the last log line
}

// Allow counts one fault. If ok, the caller logs it, with n as the number of faults
// since the last log line.
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
