package feed

import "pitwall/engine/internal/health"

// leaseChecks are what a lease says of itself.
type leaseChecks struct {
	renewed *health.Check // it is renewed
	ours    *health.Check // no other process has it
}

func newLeaseChecks(o *Options) leaseChecks {
	const part = "lease"
	return leaseChecks{renewed: o.Health.Check(part, o.ReadyAway), ours: o.Health.Check(part, 0)}
}

// readCheck is about the reading of one stream.
func readCheck(o *Options, stream string) *health.Check {
	return o.Health.Check("feed "+stream, o.ReadyAway)
}
