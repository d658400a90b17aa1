package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Attacks is how spectators and engine fared under attack.
type Attacks struct {
	Phases           []Phase // the first is quiet, the last is everything at once
	Ratio50, Ratio99 float64 // of the latencies, last phase to first

	// Memory of the engine, in MB: resident, and what lives on the heap.
	QuietMB, PeakMB, AfterMB  float64
	HeapBeforeMB, HeapAfterMB float64
}

// Phase is a part of a run with attacks.
type Phase struct {
	Name             string
	Seconds          float64
	P50, P99         float64 // of the honest spectators, ms
	Joined           int64   // spectators that came back meanwhile, if any were dropped
	JoinP50, JoinP99 float64 // ms until they had their snapshot

	EngineCores   float64
	AttackerCores float64
	PeakMB        float64 // resident memory of the engine, at most
	Attacks       map[string]Attack
	Metrics       map[string]float64 // what the engine has counted, by series

	Withdrawn *Withdrawn `json:",omitempty"` // of a phase in which a spectator was withdrawn
	Weighed   *Weighed   `json:",omitempty"` // of a phase whose memory was compared
}

// Withdrawn is how long a spectator whose access was withdrawn watched on, at
// least, in seconds, and how long that may be: twice the interval of re-checks.
type Withdrawn struct{ Seconds, Allowed float64 }

// Weighed is by how much memory has grown: what the engine counts as held for
// connections, and what it holds.
type Weighed struct{ CountedMB, HeldMB float64 }

// Ratio is how many times the one is the other, the larger to the smaller.
func (w *Weighed) Ratio() float64 {
	const least = 0.001
	counted, held := max(w.CountedMB, least), max(w.HeldMB, least)
	return max(counted/held, held/counted)
}

// Attack is what was done of a kind, and how it was answered.
type Attack struct {
	Made      int64
	PerSecond float64
	Answers   map[string]int64
}

// attackGoal is the goal of p99 under attack, as a multiple of the quiet p99: with
// all attacks at once, and while events are listed.
const attackGoal = 1.5

// Goals for memory held, as a multiple of memory counted, from so many MB on: less
// cannot be told from the rest of what the engine does.
const (
	weighedGoal = 1.3
	weighedFrom = 5
)

// Exceeded names what was worse than promised.
func (s *Attacks) Exceeded() (list []string) {
	for _, p := range s.Phases {
		if w := p.Withdrawn; w != nil && w.Seconds > w.Allowed {
			list = append(list, fmt.Sprintf("%s: a withdrawn spectator watched on for %s s, allowed are %s", p.Name, Number(w.Seconds), Number(w.Allowed)))
		}
		if w := p.Weighed; w != nil && max(w.CountedMB, w.HeldMB) >= weighedFrom && w.Ratio() > weighedGoal {
			list = append(list, fmt.Sprintf("%s: %s MB are counted and %s MB are held, %s times", p.Name, Number(w.CountedMB), Number(w.HeldMB), Number(w.Ratio())))
		}
	}
	return list
}

func textAttacks(w io.Writer, s *Attacks) {
	if s == nil {
		return
	}
	verdict := "kept"
	if s.Ratio99 > attackGoal {
		verdict = "MISSED"
	}
	fmt.Fprintf(w, "  all attacks at once against quiet: p50 %s times, p99 %s times (goal: at most %s, %s)\n",
		Number(s.Ratio50), Number(s.Ratio99), Number(attackGoal), verdict)
	fmt.Fprintf(w, "  engine's memory, MB: quiet %s, peak %s, after %s; on the heap after a collection: before %s, after %s\n",
		Number(s.QuietMB), Number(s.PeakMB), Number(s.AfterMB), Number(s.HeapBeforeMB), Number(s.HeapAfterMB))
	fmt.Fprintf(w, "\n  %-12s %8s %8s %8s %10s %9s\n", "phase", "p50 ms", "p99 ms", "engine", "attackers", "peak MB")
	for _, p := range s.Phases {
		fmt.Fprintf(w, "  %-12s %8s %8s %8.2f %10.2f %9s\n", p.Name, Number(p.P50), Number(p.P99), p.EngineCores, p.AttackerCores, Number(p.PeakMB))
	}
	for _, p := range s.Phases {
		if p.Joined > 0 {
			fmt.Fprintf(w, "  %s: %s dropped and came back, p50 %s ms, p99 %s ms until they had their snapshot\n",
				p.Name, Count(p.Joined, "spectator"), Number(p.JoinP50), Number(p.JoinP99))
		}
	}
	textProbes(w, s)
	for _, p := range s.Phases {
		textPhase(w, &p)
	}
}

// textProbes writes the measurements of single attacks.
func textProbes(w io.Writer, s *Attacks) {
	verdict := func(kept bool) string {
		if kept {
			return "kept"
		}
		return "MISSED"
	}
	for _, p := range s.Phases {
		if x := p.Withdrawn; x != nil {
			fmt.Fprintf(w, "  %s: a withdrawn spectator watched on for %s s (goal: at most %s, %s)\n",
				p.Name, Number(x.Seconds), Number(x.Allowed), verdict(x.Seconds <= x.Allowed))
		}
		if x := p.Weighed; x != nil {
			fmt.Fprintf(w, "  %s: memory held has grown by %s MB, as counted by %s MB, %s times (goal: at most %s, %s)\n",
				p.Name, Number(x.HeldMB), Number(x.CountedMB), Number(x.Ratio()), Number(weighedGoal), verdict(x.Ratio() <= weighedGoal))
		}
		if p.Name == "events" && s.Phases[0].P99 > 0 {
			ratio := p.P99 / s.Phases[0].P99
			fmt.Fprintf(w, "  %s: p99 %s times the quiet one (goal: at most %s, %s)\n", p.Name, Number(ratio), Number(attackGoal), verdict(ratio <= attackGoal))
		}
	}
}

// textPhase lists the attacks of a phase, and what the engine counted.
func textPhase(w io.Writer, p *Phase) {
	if len(p.Attacks) == 0 && len(p.Metrics) == 0 {
		return
	}
	fmt.Fprintf(w, "\n  %s, %s s\n", p.Name, Number(p.Seconds))
	for _, name := range slices.Sorted(maps.Keys(p.Attacks)) {
		a := p.Attacks[name]
		fmt.Fprintf(w, "    %-9s %d made, %s/s; answers: %s\n", name, a.Made, Number(a.PerSecond), counts(a.Answers))
	}
	short := map[string]float64{}
	for series, n := range p.Metrics {
		short[strings.TrimPrefix(series, "processor_live_")] += n
	}
	fmt.Fprintf(w, "    the engine counts: %s\n", counts(short))
}

// counts writes a table in a line, in the order of its names.
func counts[N int64 | float64](m map[string]N) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, fmt.Sprintf("%s %s", name, Number(float64(m[name]))))
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
