package report

import "slices"

// Cost is a figure with the archive on and off.
type Cost struct {
	Figure
	On, Off float64 // medians of the valid runs
}

// Ratio is on divided by off.
func (c Cost) Ratio() float64 { return c.On / c.Off }

// costs are the figures of the live path that Costs compares.
var costs = []string{"latency_p50_ms", "latency_p90_ms", "latency_p99_ms", "latency_p999_ms",
	"stage_read_p99_ms", "stage_socket_p99_ms", "written_p99_ms", "cpu_us_per_record"}

// Costs says what the archive costs the live path. It is empty unless there are
// runs with the archive off.
func (r *Report) Costs() (list []Cost) {
	for _, f := range Figures() {
		on, off := r.Values(f.Key), figureOf(r.Without, f.Key)
		if slices.Contains(costs, f.Key) && len(on) > 0 && len(off) > 0 {
			list = append(list, Cost{f, middle(on), middle(off)})
		}
	}
	return list
}
