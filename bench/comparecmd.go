package main

import (
	"cmp"
	"errors"
	"os"
	"slices"

	"pitwall/bench/report"
)

// compareCmd compares two reports.
type compareCmd struct {
	Before string `arg:"" help:"First report, of several runs, written by --json."`
	After  string `arg:"" help:"Second report."`
}

// Run prints what has changed. It fails if something got worse, or if a
// report has no valid run.
func (c *compareCmd) Run() error {
	before, errBefore := report.Read(c.Before)
	after, errAfter := report.Read(c.After)
	if err := cmp.Or(errBefore, errAfter); err != nil {
		return err
	}
	if report.WriteComparison(os.Stdout, before, after) {
		return errors.New("something got worse")
	}
	for _, rep := range []*report.Report{before, after} {
		if !slices.ContainsFunc(rep.Runs, func(r report.Run) bool { return r.Valid }) {
			return errNotValid
		}
	}
	return nil
}
