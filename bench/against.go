package main

import (
	"errors"

	"pitwall/bench/report"
)

// checkAgainst says where --against-none makes no sense.
func (c *runCmd) checkAgainst(p *plan) error {
	switch {
	case !c.AgainstNone:
		return nil
	case !p.Archive:
		return errors.New("--against-none turns the archive off for every other run: this scenario has none (see --archive)")
	case c.Target != "" || c.Ramp != "":
		return errors.New("--against-none starts the engine anew, with one load: it goes neither with --target nor with --ramp")
	}
	return nil
}

// withoutArchive makes the same run once more with nothing archived: same
// load, same servers (PostgreSQL has the roster), everything new.
func (r *run) withoutArchive() (*report.Run, error) {
	other := r.another("without", "without the archive")
	other.sc.postgres, other.plan.Archive = true, false
	return other.out, other.do()
}
