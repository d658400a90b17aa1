package runner

import (
	"errors"

	"pitwall/bench/report"
	"pitwall/bench/scenario"
)

// checkAgainst says where --against-none makes no sense.
func (c *Command) checkAgainst(p *scenario.Plan) error {
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

// withoutArchive makes the same run once more without the archive: the same
// load and servers, everything new. PostgreSQL still has the roster.
func (r *run) withoutArchive() (*report.Run, error) {
	other := r.another("without", "without the archive")
	other.scenario.Postgres, other.plan.Archive = true, false
	return other.out, other.do()
}
