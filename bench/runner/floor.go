package runner

import (
	"cmp"
	"fmt"
	"strings"

	"pitwall/bench/internal/flagcheck"
	"pitwall/bench/report"
	"pitwall/bench/scenario"
)

// floors are the servers that a run is compared with, and their names in figures: the
// lower limit for any server, and what most people would write first.
var floors = []struct{ kind, name string }{{"bare", "bare"}, {"broadcaster", "gws"}}

// checkFloor returns an error for a run that cannot be compared with the floors, which
// only fan out to clients that read.
func (c *Command) checkFloor(sc scenario.Scenario, p *scenario.Plan) error {
	reject := flagcheck.Reject
	return cmp.Or(
		reject(c.Target != "" || c.Peer != "", "--floor measures a Pitwall that bench starts: leave --target and --peer out"),
		reject(c.Ramp != "", "--floor compares at a constant load: leave --ramp out"),
		reject(sc.Action != scenario.Steady || sc.Overload || p.Archive || p.Slow > 0 || p.Interval > 0 || p.Batch || p.Engines > 1,
			"--floor is for fan-out alone: stadium, season or sparse, with one engine, and without slow clients, intervals, batches and archive"),
	)
}

// CanFloor reports whether --floor can be used with the scenario and the other flags.
func (c *Command) CanFloor() bool {
	sc, err := scenario.Find(c.Scenario)
	if err != nil {
		return false
	}
	c.Apply(&sc.Plan)
	return c.checkFloor(sc, &sc.Plan) == nil
}

// floor makes the same run with each of the floors in Pitwall's place, and adds their
// figures and the ratios to those of r. An invalid run of a floor is left out.
func (r *run) floor() error {
	for _, f := range floors {
		other := r.with(f.kind, f.name)
		if err := other.do(); err != nil {
			return fmt.Errorf("%s: %w", f.kind, err)
		}
		r.compare(f.name, other.out)
	}
	return nil
}

// with is the same run with another server in Pitwall's place.
func (r *run) with(kind, title string) *run {
	other, opt := r.another(kind, title), *r.opt
	opt.Peer, opt.Profile, opt.EngineArg = kind, nil, nil
	other.opt = &opt
	return other
}

// compare adds the figures of another server, and the ratios to them.
func (r *run) compare(name string, other *report.Run) {
	if n := other.Breaches(); n > 0 {
		other.Valid, other.Why = false, append(other.Why, fmt.Sprintf("lost, repeated or out of order: %s", report.Count(n, "position")))
	}
	if r.out.Valid && !other.Valid {
		r.out.Notes = append(r.out.Notes, fmt.Sprintf("the run of %s is not valid and is left out: %s", name, strings.Join(other.Why, "; ")))
		return
	}
	for _, f := range []struct{ of, figure, ratio string }{
		{"cpu_us_per_delivery", "us_per_delivery_" + name, "ratio_to_" + name},
		{"latency_p99_ms", "latency_p99_ms_" + name, "latency_ratio_to_" + name},
	} {
		own, ok := r.out.Figures[f.of]
		if v := other.Figures[f.of]; ok && v > 0 {
			r.out.Figures[f.figure], r.out.Figures[f.ratio] = v, own/v
		}
	}
}
