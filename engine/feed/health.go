package feed

import "pitwall/engine/internal/health"

// leaseCheck names the health check of the lease. On a Cluster there is one per
// stream, with its key appended.
const leaseCheck = "lease"

// readCheck is the health check of one stream's reader.
func readCheck(o *Options, stream string) *health.Check {
	return o.Health.Check("feed "+stream, o.ReadyAway)
}
