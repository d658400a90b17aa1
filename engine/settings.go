package engine

import (
	"time"

	"pitwall/engine/config"
	"pitwall/engine/live"
)

// Default limits per address. They apply when a setting is 0.
const (
	defaultPerAddress     = 2000
	defaultUpgradeRate    = 200
	defaultHTTPPerAddress = 512
	defaultAuthFailures   = 5
	// defaultHTTPRate is enough for thirteen pages per second, each of some fifteen
	// files: defaultPerAddress people load theirs within three minutes.
	defaultHTTPRate = 200
)

// liveLimits are the limits of the live server. A limit per address that is set to
// 0 has its default, which does not count loopback; -1 is no limit.
func liveLimits(c *config.Config) live.Limits {
	perAddress := func(set, byDefault int) live.AddressLimit {
		if set == 0 {
			return live.AddressLimit{Most: byDefault, SpareLoopback: true}
		}
		return live.AddressLimit{Most: max(set, 0)}
	}
	return live.Limits{
		Connections: perAddress(c.PerAddress, defaultPerAddress), UpgradeRatePerAddress: perAddress(c.UpgradeRatePerAddress, defaultUpgradeRate),
		UpgradeRate: float64(c.UpgradeRate), QueuedBytes: int64(c.MaxQueuedBytes),
		Requests: perAddress(c.HTTPRatePerAddress, defaultHTTPRate), AllRequests: float64(c.HTTPRate),
		Failures: perAddress(c.AuthFailures, defaultAuthFailures),
		Pending:  c.HTTPMaxConnections, PendingPerAddress: perAddress(c.HTTPPerAddress, defaultHTTPPerAddress),
	}
}

// bounds are all limits of the live server that can change while it runs.
func bounds(c *config.Config) live.Bounds {
	return live.Bounds{
		MaxConnections: c.MaxConnections, MaxSubscriptions: c.MaxSubscriptions,
		RequestRate: float64(c.RequestRate), RequestBurst: float64(c.RequestBurst),
		SnapshotRate: float64(c.SnapshotRate), SnapshotBurst: float64(c.SnapshotBurst),
		Limits: liveLimits(c),
	}
}

// ms is a setting in milliseconds as a duration.
func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }
