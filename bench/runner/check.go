package runner

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pitwall/bench/internal/flagcheck"
	"pitwall/bench/scenario"
	"pitwall/bench/stack"
)

// check returns an error for flags that make no sense, before anything is started.
func (c *Command) check(sc scenario.Scenario, p *scenario.Plan) error {
	if err := cmp.Or(p.Check(), sc.CheckPlan(p)); err != nil {
		return err
	}
	var floor error
	if c.Floor {
		floor = c.checkFloor(sc, p)
	}
	return cmp.Or(c.checkRamp(sc), c.checkTarget(sc), c.checkAgainst(p), c.checkAttacks(sc, p), floor,
		flagcheck.AtLeast("runs", c.Runs, 1),
		flagcheck.Reject(p.CheckEvery > 1 && (c.Floor || c.Peer != "" || c.Target != "" && (c.Ops == "" || c.Dialect != "pitwall")),
			"--check-every counts deliveries by Pitwall's metrics: leave --peer, --floor and --dialect out, and with --target give its private listener with --ops"),
		writable("--json", c.JSON), writable("--html", c.HTML))
}

// checkRamp returns an error for a ramp that would never end, or that cannot be
// combined with other flags.
func (c *Command) checkRamp(sc scenario.Scenario) error {
	if c.Ramp == "" {
		return nil
	}
	reject := flagcheck.Reject
	return cmp.Or(
		flagcheck.AtLeast("from", c.From, 1),
		reject(c.Grow <= 1, "--grow is %v, it must be more than 1", c.Grow),
		flagcheck.AtLeast("step", c.Step, time.Second),
		reject(c.P99 <= 0, "--p99 is %v, it must be positive", c.P99),
		reject(len(c.Profile) > 0, "--profile is for a constant load: leave --ramp out"),
		reject(sc.Action != scenario.Steady, "--ramp is for scenarios with a steady load, not for %s", sc.Name),
	)
}

// checkTarget returns an error for flags that need --target, or that cannot be used
// with it.
func (c *Command) checkTarget(sc scenario.Scenario) error {
	reject := flagcheck.Reject
	if c.Target == "" {
		return cmp.Or(
			reject(c.Ops != "", "--ops is for an installation that runs: give it with --target"),
			reject(c.TargetCA != "" || c.Token != "" || c.TokenCommand != "", "--target-ca, --token and --token-command are for an installation that runs: give them with --target"),
			reject(c.PID != 0, "--pid is for an installation that runs: give it with --target"),
			reject(sc.Guarded && c.Peer != "", "the scenario %s needs Pitwall: leave --peer out", sc.Name),
			reject(len(c.Profile) > 0 && c.Peer != "", "--profile takes profiles of Pitwall: leave --peer out"),
		)
	}
	_, errTarget := stack.ParseTarget(c.Target)
	_, errPID := os.Stat(fmt.Sprintf("/proc/%d", c.PID))
	return cmp.Or(errTarget,
		reject(c.Token != "" && c.TokenCommand != "", "--token and --token-command exclude each other"),
		reject(c.TargetCA != "" && !strings.HasPrefix(c.Target, "wss:"), "--target-ca is for a target at wss://"),
		reject(sc.Guarded, "the scenario %s must know the key of its Pitwall: leave --target out", sc.Name),
		reject(sc.Roving, "the scenario %s writes to the database of its Pitwall: leave --target out", sc.Name),
		reject(c.Peer != "", "--peer starts its own server: leave --target out"),
		reject(len(c.EngineArg) > 0, "--engine-arg is for a Pitwall that bench starts: leave --target out"),
		reject(c.PID != 0 && errPID != nil, "--pid is %d: there is no such process on this machine", c.PID),
		reject(len(c.Profile) > 0 && c.Ops == "", "--profile takes profiles from the private listener: give it with --ops"),
	)
}

// writable returns an error if the folder of a file does not exist.
func writable(flag, file string) error {
	if file == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(file)); err != nil {
		return fmt.Errorf("%s is %s: %w", flag, file, err)
	}
	return nil
}
