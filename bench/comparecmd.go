package main

import (
	"errors"
	"os"

	"pitwall/bench/report"
)

// compareCmd compares two reports.
type compareCmd struct {
	Before string `arg:"" help:"Report of several runs, as --json writes it."`
	After  string `arg:"" help:"The other one."`
}

// Run prints what has changed. It fails when something got worse.
func (c *compareCmd) Run() error {
	before, err := report.Read(c.Before)
	if err != nil {
		return err
	}
	after, err := report.Read(c.After)
	if err != nil {
		return err
	}
	if report.WriteComparison(os.Stdout, before, after) {
		return errors.New("something got worse")
	}
	return nil
}
