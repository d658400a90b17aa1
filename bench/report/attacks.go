package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Attacks is the result of a run with attacks.
type Attacks struct {
	Phases           []Phase // the first has no attacks, the last has all of them at once
	Ratio50, Ratio99 float64 // latency of the last phase divided by that of the first

	// Memory of the engine in MB: resident, and live objects on the heap.
	QuietMB, PeakMB, AfterMB  float64
	HeapBeforeMB, HeapAfterMB float64
}

// Phase is a part of a run with attacks.
type Phase struct {
	Name             string
	Seconds          float64
	P50, P99         float64 // latency of the honest spectators, ms
	Joined           int64   // spectators that were dropped and reconnected
	JoinP50, JoinP99 float64 // ms until those had their snapshot

	EngineCores   float64
	AttackerCores float64
	PeakMB        float64 // highest resident memory of the engine
	Attacks       map[string]Attack
	Metrics       map[string]float64 // growth of the engine's counters, by series

	Withdrawn *Withdrawn `json:",omitempty"` // where the access of spectators was withdrawn
	Weighed   *Weighed   `json:",omitempty"` // where memory was compared
}

// Withdrawn is how long spectators could still watch after their access was
// withdrawn, in seconds: the longest time, and the limit.
type Withdrawn struct{ Seconds, Allowed float64 }

// Weighed is by how much memory has grown: what the engine counts as held for
// connections, and what it really holds.
type Weighed struct{ CountedMB, HeldMB float64 }

// Ratio is the larger of the two divided by the smaller.
func (w *Weighed) Ratio() float64 {
	const least = 0.001
	counted, held := max(w.CountedMB, least), max(w.HeldMB, least)
	return max(counted/held, held/counted)
}

// Attack is how many attacks of a kind were made, and how they were answered.
type Attack struct {
	Made      int64
	PerSecond float64
	Answers   map[string]int64
}

// Goals for p99 and for memory.
const (
	attackGoal  = 1.5 // p99 divided by the quiet p99: with all attacks at once, and while events are listed
	weighedGoal = 1.3 // memory held divided by memory counted, or the reverse
	weighedFrom = 5   // MB; smaller amounts cannot be told from other changes of the engine's memory
)

// Goal is an upper limit for a figure of a run with attacks.
type Goal struct {
	Text    string // the figure in words
	Most    float64
	Kept    bool
	Promise bool // missing it breaks a promise
	Timed   bool // it can be judged in a valid run only, as all times
}

// String is the figure, the limit and the verdict.
func (g Goal) String() string {
	verdict := "kept"
	if !g.Kept {
		verdict = "MISSED"
	}
	return fmt.Sprintf("%s (goal: at most %s, %s)", g.Text, Number(g.Most), verdict)
}

// Goals are the goals of the run, and whether they were kept.
func (s *Attacks) Goals() []Goal {
	list := []Goal{{fmt.Sprintf("all attacks at once against quiet: p50 %s times, p99 %s times", Number(s.Ratio50), Number(s.Ratio99)),
		attackGoal, s.Ratio99 <= attackGoal, false, true}}
	for _, p := range s.Phases {
		if w := p.Withdrawn; w != nil {
			list = append(list, Goal{fmt.Sprintf("%s: a withdrawn spectator watched on for %s s", p.Name, Number(w.Seconds)),
				w.Allowed, w.Seconds <= w.Allowed, true, true})
		}
		if w := p.Weighed; w != nil {
			list = append(list, Goal{fmt.Sprintf("%s: memory held has grown by %s MB, as counted by %s MB, %s times",
				p.Name, Number(w.HeldMB), Number(w.CountedMB), Number(w.Ratio())),
				weighedGoal, w.Ratio() <= weighedGoal, max(w.CountedMB, w.HeldMB) >= weighedFrom, false})
		}
		if quiet := s.Phases[0].P99; p.Name == "events" && quiet > 0 {
			list = append(list, Goal{fmt.Sprintf("%s: p99 %s times the quiet one", p.Name, Number(p.P99/quiet)),
				attackGoal, p.P99/quiet <= attackGoal, false, true})
		}
	}
	return list
}

// Exceeded lists the missed goals that are promises. valid says whether the times of the
// run can be trusted; if not, goals for times are left out.
func (s *Attacks) Exceeded(valid bool) (list []string) {
	for _, g := range s.Goals() {
		if g.Promise && !g.Kept && (valid || !g.Timed) {
			list = append(list, g.String())
		}
	}
	return list
}

// counts writes names and numbers on one line, sorted by name.
func counts[N int64 | float64](m map[string]N) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, strings.TrimPrefix(name, "processor_live_")+" "+Number(float64(m[name])))
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
