package main

import (
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

// Run makes the runs and writes the reports. After an error, these have the runs that
// were complete. Broken promises to spectators make the command fail.
func (c *runCmd) Run() error {
	ctx, stop := untilStopped()
	defer stop()
	rep, err := c.Measure(ctx, os.Stderr)
	if err = interrupted(ctx, err); rep == nil {
		return err
	}
	err = errors.Join(err, c.Write(rep), rep.Promises())
	return errors.Join(err, report.Text(os.Stdout, rep)) // after the files, as the terminal may be gone
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
