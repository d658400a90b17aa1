package gauge

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Metrics is one answer of /metrics: values by the name of the series, with its
// labels.
type Metrics map[string]float64

// Scrape reads the metrics at http://addr/metrics.
func Scrape(ctx context.Context, addr string) (Metrics, error) {
	b, err := Get(ctx, "http://"+addr+"/metrics")
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	return parseMetrics(string(b)), nil
}

// Get reads a whole page. Any status but 200 is an error.
func Get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", url, r.Status)
	}
	return b, err
}

func parseMetrics(text string) Metrics {
	m := Metrics{}
	for line := range strings.Lines(text) {
		name, value, ok := cutLast(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			m[name] = v
		}
	}
	return m
}

// Add adds the series of another process.
func (m Metrics) Add(o Metrics) {
	for name, v := range o {
		m[name] += v
	}
}

// Since is the growth of every series since an earlier reading.
func (m Metrics) Since(before Metrics) Metrics {
	d := make(Metrics, len(m))
	for name, v := range m {
		d[name] = v - before[name]
	}
	return d
}

// Sum adds the series of a metric over all labels.
func (m Metrics) Sum(name string) (sum float64) {
	for _, v := range m.series(name) {
		sum += v
	}
	return sum
}

// Max is the highest series of a metric, at least 0.
func (m Metrics) Max(name string) float64 { return slices.Max(append(m.series(name), 0)) }

// series are the values of a metric, one for each combination of labels.
func (m Metrics) series(name string) (list []float64) {
	for series, v := range m {
		if series == name || strings.HasPrefix(series, name+"{") {
			list = append(list, v)
		}
	}
	return list
}

// Quantile estimates a quantile (0 to 1) of a Prometheus histogram, by linear
// interpolation within a bucket. It is NaN when nothing was observed.
func (m Metrics) Quantile(name string, q float64) float64 {
	type bucket struct{ le, n float64 }
	var all []bucket
	for series, n := range m {
		rest, ok := strings.CutPrefix(series, name+"_bucket{")
		if !ok {
			continue
		}
		_, text, _ := strings.Cut(rest, `le="`)
		text, _, _ = strings.Cut(text, `"`)
		if le, err := strconv.ParseFloat(text, 64); err == nil {
			all = append(all, bucket{le, n})
		}
	}
	slices.SortFunc(all, func(a, b bucket) int { return cmp.Compare(a.le, b.le) })
	if len(all) == 0 || all[len(all)-1].n <= 0 {
		return math.NaN()
	}
	want := q * all[len(all)-1].n
	low := bucket{}
	for _, b := range all {
		if b.n >= want {
			if math.IsInf(b.le, 1) || b.n == low.n {
				return low.le
			}
			return low.le + (b.le-low.le)*(want-low.n)/(b.n-low.n)
		}
		low = b
	}
	return low.le
}
