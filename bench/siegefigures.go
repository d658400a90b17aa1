package main

import (
	"fmt"

	"pitwall/bench/attack"
	"pitwall/bench/report"
)

// siegeFigures puts what a siege has shown. The latencies of the run are those
// of its last phase: each phase is measured anew.
func (r *run) siegeFigures(put func(string, float64)) {
	s := r.out.Siege
	if s == nil {
		return
	}
	quiet := s.Phases[0].P99
	put("quiet_p99_ms", quiet)
	put(report.QuietRatio, s.Ratio99)
	for _, p := range s.Phases[1 : len(s.Phases)-1] {
		put(report.QuietRatio+"_"+p.Name, p.P99/quiet)
	}
	watched := 0.0
	for _, p := range s.Phases {
		if w := p.Withdrawn; w != nil {
			watched = max(watched, w.Seconds)
		}
		if w := p.Weighed; w != nil {
			put("memory_held_ratio", w.Ratio())
		}
	}
	if watched > 0 {
		put("withdrawn_watched_s", watched)
	}
	put("rss_mb", s.AfterMB)
	put("rss_peak_mb", s.PeakMB)
	put("heap_after_siege_mb", s.HeapAfterMB)
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

// siegePromises are what honest spectators may expect under siege, beyond what
// they always may: nobody of them is sent away.
func siegePromises(r *run, t tally) {
	if n := t.counts.Lost + t.counts.Refused; r.out.Siege != nil && n > 0 {
		r.out.Broken = append(r.out.Broken, fmt.Sprintf("lost or refused: %s of honest spectators: %s", report.Count(n, "connection"), t.fault))
	}
}
