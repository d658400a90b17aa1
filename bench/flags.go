package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pitwall/bench/stack"
)

// rule is something that must not be among the flags, and what is said of it.
type rule struct {
	broken bool
	say    string
}

// firstBroken is the error of the first rule that is broken.
func firstBroken(rules ...rule) error {
	for _, r := range rules {
		if r.broken {
			return errors.New(r.say)
		}
	}
	return nil
}

// check says what cannot be, before anything is started.
func (c *runCmd) check(sc scenario, p *plan) error {
	if err := errors.Join(p.check(), p.checkFor(sc), c.checkRamp(sc), c.checkTarget(sc), c.checkAgainst(p)); err != nil {
		return err
	}
	if err := c.checkSiege(sc, p); err != nil {
		return err
	}
	if c.Floor {
		if err := c.canFloor(sc, p); err != nil {
			return err
		}
	}
	return errors.Join(
		firstBroken(
			rule{c.Runs < 1, fmt.Sprintf("--runs is %d, at least is 1", c.Runs)},
			rule{p.CheckEvery > 1 && (c.Floor || c.Peer != "" || c.Target != "" && (c.Ops == "" || c.Dialect != "pitwall")),
				"--check-every has only Pitwall's metrics to count deliveries by: leave --peer, --floor and --dialect out, and with --target name its private listener with --ops"}),
		writable("--json", c.JSON), writable("--html", c.HTML))
}

// check says which sizes cannot be.
func (p *plan) check() error {
	least := func(flag string, v, least float64) rule {
		return rule{v < least, fmt.Sprintf("--%s is %v, at least is %v", flag, v, least)}
	}
	leastTime := func(flag string, d, least time.Duration) rule {
		return rule{d < least, fmt.Sprintf("--%s is %v, at least is %v", flag, d, least)}
	}
	return firstBroken(
		least("connections", float64(p.Connections), 1), least("events", float64(p.Events), 1), least("engines", float64(p.Engines), 1),
		least("check-every", float64(p.CheckEvery), 1),
		rule{p.Devices < p.Events, fmt.Sprintf("--devices is %d, at least is one for each of the %d of --events", p.Devices, p.Events)},
		rule{p.Rate <= 0, fmt.Sprintf("--rate is %v records a second, wanted are more than none", p.Rate)},
		rule{p.Rate/float64(p.Devices) > 500, fmt.Sprintf("--rate is %.0f records a second of %d devices: two of one device would share a millisecond, use more --devices", p.Rate, p.Devices)},
		rule{p.Connections > p.Engines*perProcess, fmt.Sprintf("--connections is %d: a process of Pitwall takes %d, as its descriptors end, use more --engines", p.Connections, perProcess)},
		least("zipf", p.Zipf, 0), least("interval", float64(p.Interval), 0), least("slow", p.Slow, 0),
		rule{p.Slow > 100, fmt.Sprintf("--slow is %v percent", p.Slow)},
		rule{p.Slow > 0 && p.SlowRate < 1, fmt.Sprintf("--slow-rate is %d bytes a second, wanted are more than none for those of --slow", p.SlowRate)},
		leastTime("window", p.Window, 0), leastTime("connect", p.Connect, 0), leastTime("warmup", p.Warmup, 0),
		leastTime("duration", p.Duration, time.Second),
	)
}

// checkFor says which sizes mean nothing to a scenario.
func (p *plan) checkFor(sc scenario) error {
	return firstBroken(
		rule{p.StartLine && sc.name != "herd", "--start-line is for the scenario herd"},
		rule{p.Over != 0 && sc.plan.Over == 0, "--over is for the scenarios herd and roster"},
		rule{p.Over <= 0 && sc.plan.Over > 0, fmt.Sprintf("--over is %v, wanted is more", p.Over)},
		rule{len(p.Attack) > 0 && !sc.guarded, "--attack is for the scenario siege"},
	)
}

// checkRamp says which ramp would never end, or be without what was asked for.
func (c *runCmd) checkRamp(sc scenario) error {
	if c.Ramp == "" {
		return nil
	}
	return firstBroken(
		rule{c.From < 1, fmt.Sprintf("--from is %d, at least is 1", c.From)},
		rule{c.Grow <= 1, fmt.Sprintf("--grow is %v, wanted is more than 1", c.Grow)},
		rule{c.Step < time.Second, fmt.Sprintf("--step is %v, at least is 1s", c.Step)},
		rule{c.P99 <= 0, fmt.Sprintf("--p99 is %v, wanted is more", c.P99)},
		rule{len(c.Profile) > 0, "--profile takes profiles of one load: leave --ramp out"},
		rule{sc.during != nil, "--ramp raises a load that is steady: not that of " + sc.name},
	)
}

// checkTarget says what goes only with an installation that runs, and what
// only with one that is started here.
func (c *runCmd) checkTarget(sc scenario) error {
	if c.Target == "" {
		return firstBroken(
			rule{c.Ops != "", "--ops is the private listener of an installation that runs: name that with --target"},
			rule{c.PID != 0, "--pid is the process of an installation that runs: name that with --target"},
			rule{sc.guarded && c.Peer != "", "the scenario " + sc.name + " needs Pitwall: leave --peer out"},
			rule{len(c.Profile) > 0 && c.Peer != "", "--profile takes Pitwall's profiles: leave --peer out"},
		)
	}
	if _, _, err := stack.ParseTarget(c.Target); err != nil {
		return err
	}
	_, err := os.Stat(fmt.Sprintf("/proc/%d", c.PID))
	return firstBroken(
		rule{sc.guarded, "the scenario " + sc.name + " has to know the key of its Pitwall: leave --target out"},
		rule{sc.roving, "the scenario " + sc.name + " writes to the database of its Pitwall: leave --target out"},
		rule{c.Peer != "", "--peer starts a server of its own: leave --target out"},
		rule{len(c.EngineArg) > 0, "--engine-arg is for a Pitwall that is started here: leave --target out"},
		rule{c.PID != 0 && err != nil, fmt.Sprintf("--pid is %d: there is no such process on this machine", c.PID)},
		rule{len(c.Profile) > 0 && c.Ops == "", "--profile takes profiles from the private listener: say where it is with --ops"},
	)
}

// writable says that a file cannot be written, before there is something to
// write.
func writable(flag, file string) error {
	if file == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(file)); err != nil {
		return fmt.Errorf("%s is %s: %w", flag, file, err)
	}
	return nil
}
