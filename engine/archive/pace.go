package archive

import (
	"math/rand/v2"
	"time"
)

const (
	firstDelay = 50 * time.Millisecond
	lastDelay  = 5 * time.Second
)

// backoff is the wait between attempts: it doubles, and half of it is random,
// so that many processes do not come back to a server at the same moment.
type backoff struct{ next time.Duration }

// delay returns how long to wait now.
func (b *backoff) delay() time.Duration {
	d := max(b.next, firstDelay)
	b.next = min(2*d, lastDelay)
	return d/2 + rand.N(d/2)
}

// reset begins anew after a success.
func (b *backoff) reset() { b.next = 0 }

// faultEvery is the time in which a repeating fault is logged once.
const faultEvery = 10 * time.Second

// quiet lets a repeating fault be logged once per interval, with its count.
type quiet struct {
	every time.Duration
	until time.Time
	n     int
}

// tell counts one fault. ok says to log it, as n since the last one logged.
func (q *quiet) tell(now time.Time) (n int, ok bool) {
	q.n++
	if now.Before(q.until) {
		return 0, false
	}
	n, q.n = q.n, 0
	q.until = now.Add(q.every)
	return n, true
}
