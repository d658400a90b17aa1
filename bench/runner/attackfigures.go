package runner

import (
	"fmt"

	"pitwall/bench/attack"
	"pitwall/bench/report"
)

// putAttacks puts what a run with attacks has shown. The run's latencies are
// those of its last phase, as each phase is measured anew.
func (r *run) putAttacks(f figures) {
	s := r.out.Attacks
	if s == nil {
		return
	}
	quiet := s.Phases[0].P99
	f.put("quiet_p99_ms", quiet)
	f.put(report.QuietRatio, s.Ratio99)
	for _, p := range s.Phases[1 : len(s.Phases)-1] {
		f.put(report.QuietRatio+"_"+p.Name, p.P99/quiet)
	}
	watched := 0.0
	for _, p := range s.Phases {
		if w := p.Withdrawn; w != nil {
			watched = max(watched, w.Seconds)
		}
		if w := p.Weighed; w != nil {
			f.put("memory_held_ratio", w.Ratio())
		}
	}
	if watched > 0 {
		f.put("withdrawn_watched_s", watched)
	}
	f.put("rss_mb", s.AfterMB)
	f.put("rss_peak_mb", s.PeakMB)
	f.put("heap_after_siege_mb", s.HeapAfterMB)
}

// unmet names the attacks that were not made, that got through, or that the
// server did not show to have met.
func unmet(phases []report.Phase, kinds []string) (list []string) {
	for _, name := range kinds {
		made, met := int64(0), false
		for _, p := range phases {
			a, ok := p.Attacks[name]
			if !ok {
				continue
			}
			made += a.Made
			kind := attack.Find(name)
			for text := range a.Answers {
				met = met || kind.IsMet(text)
			}
			for series := range p.Metrics {
				met = met || kind.IsMet(series)
			}
			if n := a.Answers[attack.LetIn]; n > 0 {
				list = append(list, fmt.Sprintf("%s: %d were let in", p.Name, n))
			}
		}
		if made == 0 || !met {
			list = append(list, fmt.Sprintf("attack %s: %d were made, refused: %t", name, made, met))
		}
	}
	return list
}

// checkHonest adds the promise to honest spectators that holds under attack
// only: none of them is sent away.
func (r *run) checkHonest(t tally) {
	if n := t.counts.Lost + t.counts.Refused; r.out.Attacks != nil && n > 0 {
		r.out.Broken = append(r.out.Broken, fmt.Sprintf("lost or refused: %s of honest spectators: %s", report.Count(n, "connection"), t.fault))
	}
}
