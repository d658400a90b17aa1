package engine

import (
	"time"

	"pitwall/engine/config"
	"pitwall/engine/live"
)

// Limits of one address that hold when a setting is 0.
const (
	autoPerAddress     = 2000
	autoUpgradeRate    = 200
	autoHTTPPerAddress = 512
	autoHTTPRate       = 200 // thirteen pages a second, as many as autoPerAddress people load in three minutes: a page is some fifteen files
	autoAuthFailures   = 5
)

// liveLimits are the limits of the live server. One of an address that is set to
// 0 is the built-in one, which does not count loopback.
func liveLimits(c *config.Config) live.Limits {
	at := func(set, auto int) live.AddressLimit {
		switch {
		case set == 0:
			return live.AddressLimit{Most: auto, SpareLoopback: true}
		case set < 0:
			return live.AddressLimit{}
		}
		return live.AddressLimit{Most: set}
	}
	return live.Limits{
		Connections: at(c.PerAddress, autoPerAddress), UpgradeRatePerAddress: at(c.UpgradeRatePerAddress, autoUpgradeRate),
		UpgradeRate: float64(c.UpgradeRate), QueuedBytes: int64(c.MaxQueuedBytes), TrustedProxies: c.Proxies(),
		Requests: at(c.HTTPRatePerAddress, autoHTTPRate), AllRequests: float64(c.HTTPRate),
		Failures: at(c.AuthFailures, autoAuthFailures),
		Pending:  c.HTTPMaxConnections, PendingPerAddress: at(c.HTTPPerAddress, autoHTTPPerAddress),
	}
}

// ms is a setting in milliseconds as a duration.
func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }
