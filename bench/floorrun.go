package main

import (
	"errors"
	"fmt"
	"strings"

	"pitwall/bench/baseline"
	"pitwall/bench/report"
)

// shortName is what figures call a kind of floor.
var shortName = map[string]string{"bare": "bare", "broadcaster": "gws"}

// canFloor says why a scenario cannot be held against the floor, which does
// nothing but fan out to clients that read.
func (c *runCmd) canFloor(sc scenario, p *plan) error {
	switch {
	case c.Target != "" || c.Peer != "":
		return errors.New("--floor measures Pitwall as it is started here: leave --target and --peer out")
	case c.Ramp != "":
		return errors.New("--floor compares at one load: leave --ramp out")
	case sc.during != nil || sc.overload || p.Archive || p.Slow > 0 || p.Interval > 0 || p.Batch || p.Engines > 1:
		return errors.New("--floor is for scenarios of fan-out alone: stadium, season, sparse, with one engine, and without slow clients, intervals, batches and archive")
	}
	return nil
}

// floor makes the same run with what nobody can go below, and with what most
// would write first, in Pitwall's place: same records, clients and machine. What
// they need goes into the figures of r, with the ratios. A run of theirs that
// may not be believed is left out.
func (r *run) floor() error {
	for _, kind := range baseline.Kinds {
		their, opt := r.another(kind, shortName[kind]), *r.opt
		opt.Peer, opt.Profile = kind, nil
		their.opt = &opt
		if err := their.do(); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		r.against(shortName[kind], their.out)
	}
	return nil
}

// against puts the figures of another server beside ours.
func (r *run) against(name string, their *report.Run) {
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
