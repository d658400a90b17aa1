package runner

import (
	"errors"
	"fmt"
	"strings"

	"pitwall/bench/report"
	"pitwall/bench/scenario"
)

// floors are the servers that a run is compared with, and what figures call
// them: what no server can go below, and what most people would write first.
var floors = []struct{ kind, name string }{{"bare", "bare"}, {"broadcaster", "gws"}}

// checkFloor says why a scenario cannot be compared with the floor, which does
// nothing but fan out to clients that read.
func (c *Command) checkFloor(sc scenario.Scenario, p *scenario.Plan) error {
	switch {
	case c.Target != "" || c.Peer != "":
		return errors.New("--floor measures Pitwall as it is started here: leave --target and --peer out")
	case c.Ramp != "":
		return errors.New("--floor compares at one load: leave --ramp out")
	case sc.Action != scenario.Steady || sc.Overload || p.Archive || p.Slow > 0 || p.Interval > 0 || p.Batch || p.Engines > 1:
		return errors.New("--floor is for scenarios of fan-out alone: stadium, season, sparse, with one engine, and without slow clients, intervals, batches and archive")
	}
	return nil
}

// CanFloor reports whether --floor goes with the command's scenario and sizes.
func (c *Command) CanFloor() bool {
	sc, err := scenario.Find(c.Scenario)
	if err != nil {
		return false
	}
	c.Apply(&sc.Plan)
	return c.checkFloor(sc, &sc.Plan) == nil
}

// floor makes the same run with each of the floors in Pitwall's place: the same
// records, clients and machine. What they need goes into the figures of r, with
// the ratios. A run of theirs that may not be believed is left out.
func (r *run) floor() error {
	for _, f := range floors {
		their := r.with(f.kind, f.name)
		if err := their.do(); err != nil {
			return fmt.Errorf("%s: %w", f.kind, err)
		}
		r.compare(f.name, their.out)
	}
	return nil
}

// with is the same run with another server in Pitwall's place.
func (r *run) with(kind, title string) *run {
	their, opt := r.another(kind, title), *r.opt
	opt.Peer, opt.Profile, opt.EngineArg = kind, nil, nil
	their.opt = &opt
	return their
}

// compare puts the figures of another server beside ours.
func (r *run) compare(name string, their *report.Run) {
	if n := their.Breaches(); n > 0 {
		their.Valid, their.Why = false, append(their.Why, fmt.Sprintf("lost, repeated or out of order: %s", report.Count(n, "position")))
	}
	if r.out.Valid && !their.Valid {
		r.out.Notes = append(r.out.Notes, fmt.Sprintf("the run of %s is not valid and left out: %s", name, strings.Join(their.Why, "; ")))
		return
	}
	for _, f := range []struct{ of, figure, ratio string }{
		{"cpu_us_per_delivery", "us_per_delivery_" + name, "ratio_to_" + name},
		{"latency_p99_ms", "latency_p99_ms_" + name, "latency_ratio_to_" + name},
	} {
		ours, ok := r.out.Figures[f.of]
		if theirs := their.Figures[f.of]; ok && theirs > 0 {
			r.out.Figures[f.figure], r.out.Figures[f.ratio] = theirs, ours/theirs
		}
	}
}
