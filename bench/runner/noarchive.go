package runner

import (
	"cmp"

	"pitwall/bench/internal/flagcheck"
	"pitwall/bench/report"
	"pitwall/bench/scenario"
)

// checkAgainst returns an error if --against-none cannot be used with the other flags.
func (c *Command) checkAgainst(p *scenario.Plan) error {
	if !c.AgainstNone {
		return nil
	}
	return cmp.Or(
		flagcheck.Reject(!p.Archive, "--against-none turns the archive off for every second run: this scenario has none (see --archive)"),
		flagcheck.Reject(c.Target != "" || c.Ramp != "", "--against-none starts the engine anew, with a constant load: leave --target and --ramp out"),
	)
}

// withoutArchive makes the same run again without the archive. PostgreSQL still has
// the roster.
func (r *run) withoutArchive() (*report.Run, error) {
	other := r.another("without", "without the archive")
	other.scenario.Postgres, other.plan.Archive = true, false
	return other.out, other.do()
}
