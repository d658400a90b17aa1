package live

import "time"

// bucket is a token bucket: it gets rate tokens per second, and holds burst at most.
// The zero value is full. It is not safe for concurrent use. Every session has two, so
// it is small: in a session of more than 512 bytes the outbox would not start a cache
// line.
type bucket struct {
	tokens float64
	at     int64 // of the last fill, ns since bucketEpoch; 0: never used
}

var bucketEpoch = time.Now()

// take takes one token; it is false if there is none.
func (b *bucket) take(rate, burst float64, now time.Time) bool {
	if b.fill(rate, burst, now); b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// reserve takes one token, which may become available only after wait. If that is
// longer than longest, it takes nothing and ok is false.
func (b *bucket) reserve(rate, burst float64, longest time.Duration, now time.Time) (wait time.Duration, ok bool) {
	b.fill(rate, burst, now)
	wait = time.Duration(max(0, 1-b.tokens) / rate * float64(time.Second))
	if wait > longest {
		return 0, false
	}
	b.tokens--
	return wait, true
}

// fill adds the tokens that have come since the last fill.
func (b *bucket) fill(rate, burst float64, now time.Time) {
	at := int64(now.Sub(bucketEpoch))
	if b.at == 0 {
		b.tokens = burst
	} else {
		b.tokens = min(burst, b.tokens+time.Duration(at-b.at).Seconds()*rate)
	}
	b.at = at
}
