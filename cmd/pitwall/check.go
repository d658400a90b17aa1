package main

import (
	"context"

	"pitwall/engine/admin/monitor"
)

// exitError ends the process with a code. What there is to say has been printed.
type exitError int

// Error is never printed.
func (e exitError) Error() string { return "" }

// ExitCode returns the code.
func (e exitError) ExitCode() int { return int(e) }

type checkCmd struct {
	monitor.Target
	Format string `name:"format" default:"nagios" enum:"nagios,json,prometheus" help:"nagios: one line with performance data; json; prometheus: metrics for a collector of files."`
}

// Run asks a running process. It exits with 0 ok, 1 warning, 2 critical or 3 unknown.
func (c *checkCmd) Run(ctx context.Context) error {
	exit, err := monitor.Check(ctx, c.Target, c.Format, stdout)
	if err != nil || exit == monitor.ExitOK {
		return err
	}
	return exitError(exit)
}
