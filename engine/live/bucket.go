package live

import "time"

// bucket is a token bucket: it gets rate tokens per second, and holds burst at most.
// The zero value is full. Its owner sees to it that one goroutine at a time uses it.
// Every session has two, so it is small: with more than 512 bytes a session would not
// begin with a cache line.
type bucket struct {
	tokens float64
	at     int64 // ns since bucketEpoch; 0 for one that was not used
}

var bucketEpoch = time.Now()

// take takes a token; false when there is none.
func (b *bucket) take(rate, burst float64, now time.Time) bool {
	if b.fill(rate, burst, now); b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// reserve takes a token, if need be one that will be there after wait. ok is
// false where that is longer than most; nothing is taken then.
func (b *bucket) reserve(rate, burst float64, most time.Duration, now time.Time) (wait time.Duration, ok bool) {
	b.fill(rate, burst, now)
	wait = time.Duration(max(0, 1-b.tokens) / rate * float64(time.Second))
	if wait > most {
		return 0, false
	}
	b.tokens--
	return wait, true
}

// fill adds what has come since the last time.
func (b *bucket) fill(rate, burst float64, now time.Time) {
	at := int64(now.Sub(bucketEpoch))
	if b.at == 0 {
		b.tokens = burst
	} else {
		b.tokens = min(burst, b.tokens+time.Duration(at-b.at).Seconds()*rate)
	}
	b.at = at
}
