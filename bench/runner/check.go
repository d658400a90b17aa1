package runner

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"pitwall/bench/internal/flagcheck"
	"pitwall/bench/scenario"
	"pitwall/bench/stack"
)

// rule is one that a command must not break.
func rule(broken bool, format string, v ...any) flagcheck.Rule {
	return flagcheck.Rule{Broken: broken, Text: fmt.Sprintf(format, v...)}
}

// check names what cannot be, before anything is started.
func (c *Command) check(sc scenario.Scenario, p *scenario.Plan) error {
	if err := errors.Join(p.Check(), sc.CheckPlan(p), c.checkRamp(sc), c.checkTarget(sc), c.checkAgainst(p)); err != nil {
		return err
	}
	if err := c.checkAttacks(sc, p); err != nil {
		return err
	}
	if c.Floor {
		if err := c.checkFloor(sc, p); err != nil {
			return err
		}
	}
	return errors.Join(
		flagcheck.First(
			flagcheck.AtLeast("runs", c.Runs, 1),
			rule(p.CheckEvery > 1 && (c.Floor || c.Peer != "" || c.Target != "" && (c.Ops == "" || c.Dialect != "pitwall")),
				"--check-every has only Pitwall's metrics to count deliveries by: leave --peer, --floor and --dialect out, and with --target name its private listener with --ops")),
		writable("--json", c.JSON), writable("--html", c.HTML))
}

// checkRamp names a ramp that would never end, or would lack what was asked
// for.
func (c *Command) checkRamp(sc scenario.Scenario) error {
	if c.Ramp == "" {
		return nil
	}
	return flagcheck.First(
		flagcheck.AtLeast("from", c.From, 1),
		rule(c.Grow <= 1, "--grow is %v, wanted is more than 1", c.Grow),
		flagcheck.AtLeast("step", c.Step, time.Second),
		rule(c.P99 <= 0, "--p99 is %v, wanted is more", c.P99),
		rule(len(c.Profile) > 0, "--profile takes profiles of one load: leave --ramp out"),
		rule(sc.Action != scenario.Steady, "--ramp raises a load that is steady: not that of %s", sc.Name),
	)
}

// checkTarget names what goes only with an installation that runs, and what
// only with one that is started here.
func (c *Command) checkTarget(sc scenario.Scenario) error {
	if c.Target == "" {
		return flagcheck.First(
			rule(c.Ops != "", "--ops is the private listener of an installation that runs: name that with --target"),
			rule(c.PID != 0, "--pid is the process of an installation that runs: name that with --target"),
			rule(sc.Guarded && c.Peer != "", "the scenario %s needs Pitwall: leave --peer out", sc.Name),
			rule(len(c.Profile) > 0 && c.Peer != "", "--profile takes Pitwall's profiles: leave --peer out"),
		)
	}
	if _, _, err := stack.ParseTarget(c.Target); err != nil {
		return err
	}
	_, err := os.Stat(fmt.Sprintf("/proc/%d", c.PID))
	return flagcheck.First(
		rule(sc.Guarded, "the scenario %s has to know the key of its Pitwall: leave --target out", sc.Name),
		rule(sc.Roving, "the scenario %s writes to the database of its Pitwall: leave --target out", sc.Name),
		rule(c.Peer != "", "--peer starts a server of its own: leave --target out"),
		rule(len(c.EngineArg) > 0, "--engine-arg is for a Pitwall that is started here: leave --target out"),
		rule(c.PID != 0 && err != nil, "--pid is %d: there is no such process on this machine", c.PID),
		rule(len(c.Profile) > 0 && c.Ops == "", "--profile takes profiles from the private listener: say where it is with --ops"),
	)
}

// writable names a file that cannot be written, before there is something to
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
