package report

import (
	"fmt"
	"strings"
)

// lasting are the starts of the names of those figures that do not depend on
// how much of the machine a run had.
var lasting = []string{"rss_", "heap_", "goroutine_"}

// StillTrue says what may be believed of a run that is not valid, "" for a valid
// one. A disturbance makes a run slow. That changes times, but neither what
// clients have seen in the end nor what the engine holds.
func (r *Run) StillTrue() string {
	if r.Valid {
		return ""
	}
	const not = "latencies, processor times, rates, and what depends on them"
	keys, promises := r.lastingKeys(), "the promises, as every position was checked"
	if r.Counts.Unread > 0 {
		promises = "the promises to those who checked"
	}
	switch {
	case r.OtherLoad && len(keys) > 0:
		return promises + ". Not " + not + ", nor " + strings.Join(keys, ", ") + ": the load was another one"
	case r.OtherLoad || len(keys) == 0:
		return promises + ". Not " + not
	}
	return promises + ", and what the engine keeps: " + strings.Join(keys, ", ") + ". Not " + not
}

// NotChecked says how much of what spectators were sent was not checked, "" where
// all of them check.
func (r *Run) NotChecked() string {
	if r.Counts.Unread == 0 {
		return ""
	}
	return fmt.Sprintf("of %s MB sent, %s went to spectators who do not check: the promises are those to the others",
		Number(float64(r.Counts.Bytes)/1e6), Number(float64(r.Counts.Unread)/1e6))
}

// lastingKeys are the figures of the run that hold after a disturbance.
func (r *Run) lastingKeys() (keys []string) {
	for _, f := range Figures() {
		for _, start := range lasting {
			if _, ok := r.Figures[f.Key]; ok && strings.HasPrefix(f.Key, start) {
				keys = append(keys, f.Key)
			}
		}
	}
	return keys
}
