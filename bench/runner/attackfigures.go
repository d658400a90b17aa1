package runner

import (
	"fmt"

	"pitwall/bench/attack"
	"pitwall/bench/report"
)

// addAttacks adds the results of a run with attacks. The latencies of such a run
// are those of its last phase, because each phase is measured separately.
func (r *run) addAttacks(f figures) {
	s := r.out.Attacks
	if s == nil {
		return
	}
	quiet := s.Phases[0].P99
	f.add(figures{
		"quiet_p99_ms":        quiet,
		report.QuietRatio:     s.Ratio99,
		"rss_mb":              s.AfterMB,
		"rss_peak_mb":         s.PeakMB,
		"heap_after_siege_mb": s.HeapAfterMB,
	})
	for _, p := range s.Phases[1 : len(s.Phases)-1] {
		f.add(figures{report.QuietRatio + "_" + p.Name: p.P99 / quiet})
	}
	for _, p := range s.Phases {
		if w := p.Withdrawn; w != nil {
			f["withdrawn_watched_s"] = max(f["withdrawn_watched_s"], w.Seconds)
		}
		if w := p.Weighed; w != nil {
			f["memory_held_ratio"] = w.Ratio()
		}
	}
}

// unrefused names the attacks that were not made, that were let in, or for which there is
// no sign that the server refused them.
func unrefused(phases []report.Phase, kinds []string) (list []string) {
	for _, name := range kinds {
		made, refused := int64(0), false
		for _, p := range phases {
			a, ok := p.Attacks[name]
			if !ok {
				continue
			}
			made += a.Made
			kind := attack.Find(name)
			for text := range a.Answers {
				refused = refused || kind.IsRefusal(text)
			}
			for series := range p.Metrics {
				refused = refused || kind.IsRefusal(series)
			}
			if n := a.Answers[attack.LetIn]; n > 0 {
				list = append(list, fmt.Sprintf("%s: %d were let in", p.Name, n))
			}
		}
		if made == 0 || !refused {
			list = append(list, fmt.Sprintf("attack %s: %d were made, refused: %t", name, made, refused))
		}
	}
	return list
}

// checkHonest adds the promise that applies under attack only: no honest spectator
// is disconnected.
func (r *run) checkHonest(t tally) {
	if n := t.counts.Lost + t.counts.Refused; r.out.Attacks != nil && n > 0 {
		r.out.Broken = append(r.out.Broken, fmt.Sprintf("lost or refused: %s of honest spectators: %s", report.Count(n, "connection"), t.fault))
	}
}
