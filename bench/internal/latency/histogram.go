// Package latency has the histogram in which the whole harness counts latencies.
// Processes send it to each other as JSON, in the compressed format of
// HdrHistogram.
//
// Only one goroutine may use a Histogram at a time.
package latency

import (
	"encoding/json"
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Most is the longest time that a histogram can hold, in µs.
const Most = 120_000_000

// Histogram counts times in µs. The zero value is empty, and cannot count anything.
type Histogram struct{ *hdrhistogram.Histogram }

// New returns an empty histogram for times of 1 µs to two minutes, with three
// significant digits.
func New() Histogram { return Histogram{hdrhistogram.New(1, Most, 3)} }

// Record counts a time, in µs. A time out of range counts as the nearest limit.
func (h Histogram) Record(us int64) { h.RecordN(us, 1) }

// RecordN counts a time n times.
func (h Histogram) RecordN(us, n int64) {
	_ = h.RecordValues(min(max(us, 1), Most), n) // cannot fail within the range
}

// Empty reports whether nothing was counted.
func (h Histogram) Empty() bool { return h.Histogram == nil || h.TotalCount() == 0 }

// MS is the time at a percentile (0 to 100), in ms.
func (h Histogram) MS(percentile float64) float64 {
	return float64(h.ValueAtQuantile(percentile)) / 1000
}

// Merge adds the times of o. o may be the zero value.
func (h Histogram) Merge(o Histogram) {
	if o.Histogram != nil {
		h.Histogram.Merge(o.Histogram)
	}
}

// Clone returns a copy.
func (h Histogram) Clone() Histogram {
	c := New()
	c.Merge(h)
	return c
}

// MarshalJSON writes the compressed format of HdrHistogram, which other tools read
// too.
func (h Histogram) MarshalJSON() ([]byte, error) {
	if h.Empty() {
		return []byte(`""`), nil
	}
	b, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("encode a histogram: %w", err)
	}
	return json.Marshal(string(b))
}

// UnmarshalJSON reads what MarshalJSON has written.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil || text == "" {
		return err
	}
	d, err := hdrhistogram.Decode([]byte(text))
	if err != nil {
		return fmt.Errorf("decode a histogram: %w", err)
	}
	h.Histogram = d
	return nil
}
