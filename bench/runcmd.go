package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"pitwall/bench/report"
	"pitwall/bench/runner"
	"pitwall/bench/scenario"
)

// runCmd runs a scenario.
type runCmd struct{ runner.Command }

// Help says where the defaults of sizes are. kong calls it.
func (runCmd) Help() string {
	return "A size that is not given is that of the scenario: see bench list. Exit codes: 1 failed, or a promise to spectators was broken; 2 wrong command line; 3 a run was not valid."
}

// Run makes the runs and writes the reports. After an error, these have the runs that
// were complete. Broken promises to spectators make the command fail, and so does a run that was not valid.
func (c *runCmd) Run() error {
	ctx, stop := untilStopped()
	defer stop()
	rep, err := c.Measure(ctx, os.Stderr)
	if err = interrupted(ctx, err); rep == nil {
		return err
	}
	err = errors.Join(err, c.Write(rep), rep.Promises())
	err = errors.Join(err, report.Text(os.Stdout, rep)) // after the files, as the terminal may be gone
	return cmp.Or(err, requireValid(rep))
}

// listCmd lists the scenarios.
type listCmd struct{}

// Run prints the scenarios with their parameters.
func (listCmd) Run() error {
	for _, s := range scenario.All() {
		var b strings.Builder
		for _, x := range s.Plan.Settings() {
			fmt.Fprintf(&b, "  --%s=%s", x.Name, strings.TrimSuffix(x.Value, "/s"))
		}
		fmt.Printf("%-8s  %s\n        %s\n", s.Name, s.About, b.String())
	}
	return nil
}

// floorCmd compares Pitwall with the minimum cost of fan-out.
type floorCmd struct{ runner.FloorTable }

// Run measures and prints the table.
func (c *floorCmd) Run() error {
	ctx, stop := untilStopped()
	defer stop()
	return interrupted(ctx, c.Print(ctx, os.Stdout, os.Stderr))
}
