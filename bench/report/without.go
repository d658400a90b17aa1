package report

import (
	"fmt"
	"io"
)

// Cost is a figure with the archive on and off.
type Cost struct {
	Figure
	On, Off float64 // medians over the valid runs
}

// costs are the figures of the live path that Costs compares.
var costs = []string{"latency_p50_ms", "latency_p90_ms", "latency_p99_ms", "latency_p999_ms",
	"stage_read_p99_ms", "stage_socket_p99_ms", "written_p99_ms", "cpu_us_per_record"}

// Costs says what the archive costs the live path, where the runs alternated
// with others that had it off.
func (r *Report) Costs() (list []Cost) {
	for _, key := range costs {
		on, off := r.Values(key), figureOf(r.Without, key)
		for _, f := range Figures() {
			if f.Key == key && len(on) > 0 && len(off) > 0 {
				list = append(list, Cost{f, middle(on), middle(off)})
			}
		}
	}
	return list
}

func textWithout(w io.Writer, r *Report) {
	list := r.Costs()
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%-30s %12s %12s %8s   (medians of %d and %s, by turns)\n",
		"the live path", "archive on", "archive off", "ratio", len(r.Runs), Count(len(r.Without), "run"))
	for _, c := range list {
		fmt.Fprintf(w, "%-30s %12s %12s %8s\n", c.Key, Number(c.On), Number(c.Off), Number(c.On/c.Off))
	}
	for i := range r.Without {
		x := &r.Without[i]
		if n := x.Breaches(); n > 0 {
			fmt.Fprintf(w, "  archive off, run %d: %s broken\n", i+1, Count(n, "promise"))
		}
		for _, why := range x.Why {
			fmt.Fprintf(w, "  archive off, run %d: NOT VALID: %s\n", i+1, why)
		}
	}
}
