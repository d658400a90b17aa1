package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Markdown writes a table with a row per report: the medians of the valid runs,
// with the lowest and highest value where these differ by more than 1 %.
func Markdown(w io.Writer, reports []*Report) {
	fmt.Fprintln(w, "| scenario | runs | deliveries/s | p50 / p99 ms | engine: µs per delivery (cores) | to bare, to gws | writes per delivery | bytes per delivery | KB per connection | promises broken |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range reports {
		fmt.Fprintf(w, "| `%s`: %s | %s | %s | %s / %s | %s (%s) | %s | %s | %s | %s | %d |\n",
			r.title(), r.sizes(), r.runs(), r.cell("deliveries_per_s"), r.cell("latency_p50_ms"), r.cell("latency_p99_ms"),
			r.cell("cpu_us_per_delivery"), r.cell("cpu_cores"), r.ratios(), r.cell("writes_per_delivery"),
			r.cell("bytes_per_delivery"), r.cell("rss_per_connection_kb"), r.broken())
	}
}

func (r *Report) title() string { return cmp.Or(r.Name, r.Scenario) }

// sizes is the load in words.
func (r *Report) sizes() string {
	var list []string
	for _, s := range r.Settings {
		if s.Name != "window" && s.Name != "duration" {
			list = append(list, s.Name+" "+s.Value)
		}
	}
	return strings.Join(list, ", ")
}

// runs is the number of runs, and of the valid ones where some are not.
func (r *Report) runs() string {
	valid := 0
	for i := range r.Runs {
		if r.Runs[i].Valid {
			valid++
		}
	}
	if valid == len(r.Runs) {
		return fmt.Sprint(valid)
	}
	return fmt.Sprintf("%d, %d valid", len(r.Runs), valid)
}

func (r *Report) ratios() string {
	bare, gws := r.cell("ratio_to_bare"), r.cell("ratio_to_gws")
	if bare == gws {
		return "-" // neither was measured
	}
	return bare + ", " + gws
}

// cell is the median of a figure, with its spread where there is one.
func (r *Report) cell(key string) string {
	values := r.Values(key)
	if len(values) == 0 {
		return "-"
	}
	v := middle(values)
	low, high := slices.Min(values), slices.Max(values)
	if high-low <= 0.01*math.Abs(v) {
		return rounded(v)
	}
	return fmt.Sprintf("%s (%s-%s)", rounded(v), rounded(low), rounded(high))
}

// rounded writes three significant digits, with commas between thousands.
func rounded(v float64) string {
	if a := math.Abs(v); a >= 1000 {
		unit := math.Pow(10, math.Floor(math.Log10(a))-2)
		text := fmt.Sprintf("%.0f", math.Round(v/unit)*unit)
		for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
			text = text[:at] + "," + text[at:]
		}
		return text
	}
	return Number(v)
}
