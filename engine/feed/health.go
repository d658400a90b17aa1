package feed

import "pitwall/engine/internal/health"

// leaseCheck is the part that leases belong to; on a Cluster, those of one stream
// have its key after that.
const leaseCheck = "lease"

// readCheck is about the reading of one stream.
func readCheck(o *Options, stream string) *health.Check {
	return o.Health.Check("feed "+stream, o.ReadyAway)
}
