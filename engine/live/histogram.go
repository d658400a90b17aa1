package live

import (
	"io"
	"sync/atomic"
	"time"

	"pitwall/engine/internal/promtext"
)

// bounds are the upper bounds of the buckets of the latency histograms.
var bounds = [...]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 150 * time.Millisecond, 200 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// histogram is a Prometheus histogram, with one observation per connection and chunk
// that was written. Writers add whole batches. There is no lock: each value is right by
// itself, and readers need no consistent set of them.
type histogram struct {
	counts [len(bounds) + 1]atomic.Uint64
	sum    atomic.Int64 // ns
}

func (h *histogram) write(w io.Writer, name string) {
	var counts []uint64
	for i := range h.counts {
		counts = append(counts, h.counts[i].Load())
	}
	promtext.Histogram(w, name, bounds[:], counts, time.Duration(h.sum.Load()))
}

// observations are those of one consumer between two publishes.
type observations struct {
	counts [len(bounds) + 1]uint32
	sum    int64 // ns
}

func (o *observations) observe(age time.Duration) {
	age = max(0, age)
	i := 0
	for i < len(bounds) && age > bounds[i] {
		i++
	}
	o.counts[i]++
	o.sum += int64(age)
}

func (o *observations) addTo(h *histogram) {
	for i, n := range o.counts {
		if n > 0 {
			h.counts[i].Add(uint64(n))
		}
	}
	h.sum.Add(o.sum)
}
