package runner

import (
	"cmp"
	"math"
	"slices"

	"pitwall/bench/internal/latency"
	"pitwall/bench/report"
)

// curve is the latency by percentile, with smaller steps towards 100.
func curve(h latency.Histogram) (list []report.Point) {
	if h.Empty() {
		return nil
	}
	for _, q := range []float64{0, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.5, 99.9, 99.95, 99.99, 99.999} {
		if float64(h.TotalCount())*(100-q)/100 < 1 {
			break // no value is beyond it
		}
		list = append(list, report.Point{Percentile: q, MS: h.MS(q)})
	}
	return append(list, report.Point{Percentile: 100, MS: h.MS(100)})
}

func mean(samples []report.Sample, f func(report.Sample) float64) (sum float64) {
	for _, x := range samples {
		sum += f(x) / float64(len(samples))
	}
	return sum
}

// most is the highest value, NaN if there are no samples.
func most(samples []report.Sample, f func(report.Sample) float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	return f(slices.MaxFunc(samples, func(a, b report.Sample) int { return cmp.Compare(f(a), f(b)) }))
}

// slope is the growth per second by linear regression.
func slope(samples []report.Sample, f func(report.Sample) float64) float64 {
	mt, mv := mean(samples, func(x report.Sample) float64 { return x.T }), mean(samples, f)
	var tv, tt float64
	for _, x := range samples {
		tv += (x.T - mt) * (f(x) - mv)
		tt += (x.T - mt) * (x.T - mt)
	}
	return tv / tt
}
