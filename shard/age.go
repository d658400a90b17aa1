package shard

import (
	"sync/atomic"
	"time"
)

// ageBounds are the upper bounds of the buckets of Ages.
var ageBounds = [...]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 150 * time.Millisecond, 200 * time.Millisecond, 250 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// AgeBounds are the upper bounds of the buckets of Ages. One more bucket counts what is
// above them.
func AgeBounds() []time.Duration { return ageBounds[:] }

// Ages is a histogram of the time from Deliver to the seal: the wait in the inbox and
// for the topic's flush. Each seal adds one observation, of its oldest position.
type Ages struct {
	Counts [len(ageBounds) + 1]uint64 // by bucket, not cumulative
	Sum    time.Duration
}

// ages is the histogram of one shard. The shard adds once per seal, others read. Each
// field is atomic by itself: a reader needs no consistent set of them.
type ages struct {
	counts [len(ageBounds) + 1]atomic.Uint64
	sum    atomic.Int64 // ns
}

// sealed notes the age, in ns, of the oldest position of a seal.
func (a *ages) sealed(age int64) {
	i := 0
	for i < len(ageBounds) && age > int64(ageBounds[i]) {
		i++
	}
	a.counts[i].Add(1)
	a.sum.Add(age)
}

func (a *ages) addTo(t *Ages) {
	for i := range a.counts {
		t.Counts[i] += a.counts[i].Load()
	}
	t.Sum += time.Duration(a.sum.Load())
}
