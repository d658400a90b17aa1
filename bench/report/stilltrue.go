package report

import (
	"fmt"
	"slices"
	"strings"
)

// lasting are the prefixes of figures that do not depend on how much of the machine
// a run could use.
var lasting = []string{"rss_", "heap_", "goroutine_"}

// StillTrue says which results of an invalid run can be trusted; "" for a valid
// one. A disturbed run is slow. That changes times, but neither which positions
// arrive nor what the engine holds in memory.
func (r *Run) StillTrue() string {
	if r.Valid {
		return ""
	}
	const not = "latencies, CPU times, rates, and what depends on them"
	keys, promises := r.lastingKeys(), "the promises, as every position was checked"
	if r.Counts.Unread > 0 {
		promises = "the promises to the spectators that checked"
	}
	switch {
	case r.OtherLoad && len(keys) > 0:
		return promises + ". Not " + not + ", nor " + strings.Join(keys, ", ") + ": the load was not the planned one"
	case r.OtherLoad || len(keys) == 0:
		return promises + ". Not " + not
	}
	return promises + ", and what the engine holds: " + strings.Join(keys, ", ") + ". Not " + not
}

// NotChecked says how many of the bytes sent to spectators were not checked; "" if
// all were.
func (r *Run) NotChecked() string {
	if r.Counts.Unread == 0 {
		return ""
	}
	return fmt.Sprintf("of %s MB sent, %s went to spectators that do not check: the promises are those to the others",
		Number(float64(r.Counts.Bytes)/1e6), Number(float64(r.Counts.Unread)/1e6))
}

// lastingKeys are the figures of the run that a disturbance does not change.
func (r *Run) lastingKeys() (keys []string) {
	for _, f := range Figures() {
		_, ok := r.Figures[f.Key]
		if ok && slices.ContainsFunc(lasting, func(prefix string) bool { return strings.HasPrefix(f.Key, prefix) }) {
			keys = append(keys, f.Key)
		}
	}
	return keys
}
