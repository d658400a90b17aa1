package main

import (
	"cmp"
	"errors"
	"os"

	"pitwall/bench/report"
)

// compareCmd compares two reports.
type compareCmd struct {
	Before string `arg:"" help:"First report, of several runs, written by --json."`
	After  string `arg:"" help:"Second report."`
}

// Run prints what has changed. It fails if something got worse.
func (c *compareCmd) Run() error {
	before, errBefore := report.Read(c.Before)
	after, errAfter := report.Read(c.After)
	if err := cmp.Or(errBefore, errAfter); err != nil {
		return err
	}
	if report.WriteComparison(os.Stdout, before, after) {
		return errors.New("something got worse")
	}
	return nil
}
