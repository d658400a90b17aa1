package engine

import (
	"errors"
	"fmt"
	"net/netip"

	"pitwall/engine/internal/origin"
	"pitwall/engine/live"
)

// PublicConfig makes the public listener one that can face the internet.
type PublicConfig struct {
	TLSCertFile    string `name:"tls-cert-file" env:"TLS_CERT_FILE" help:"Certificate of the public listener, with its chain, in PEM. Read again when it changes. Unset: no TLS."`
	TLSKeyFile     string `name:"tls-key-file" env:"TLS_KEY_FILE" help:"Its private key."`
	TLSMinVersion  string `name:"tls-min-version" env:"TLS_MIN_VERSION" default:"1.3" enum:"1.2,1.3" help:"Oldest version of TLS: 1.2 or 1.3."`
	TLSHSTSSeconds int    `name:"tls-hsts-seconds" env:"TLS_HSTS_SECONDS" default:"0" help:"How long browsers that have seen this listener over TLS use nothing else for its name (Strict-Transport-Security), in seconds. It cannot be taken back before. 0: not said."`

	FrameAncestors []string `name:"frame-ancestors" env:"FRAME_ANCESTORS" help:"Origins whose pages may embed the map, beside the page's own, as in ALLOWED_ORIGINS; https://*.club.example for all below; * for all."`

	TrustedProxies []string `name:"trusted-proxies" env:"TRUSTED_PROXIES" help:"Addresses and ranges of proxies whose X-Forwarded-For is believed, read from the right."`
	ProxyProtocol  bool     `name:"proxy-protocol" env:"PROXY_PROTOCOL" help:"Trusted proxies begin each connection with a PROXY protocol header."`

	PerAddress            int `name:"live-max-connections-per-address" env:"LIVE_MAX_CONNECTIONS_PER_ADDRESS" default:"0" help:"Connections of one IPv4 address or IPv6 /64 at most. 0: 2000, and loopback is not counted. -1: any number."`
	UpgradeRate           int `name:"live-upgrade-rate" env:"LIVE_UPGRADE_RATE" default:"10000" help:"Handshakes per second, five seconds' worth at once. 0: any number."`
	UpgradeRatePerAddress int `name:"live-upgrade-rate-per-address" env:"LIVE_UPGRADE_RATE_PER_ADDRESS" default:"0" help:"The same for one IPv4 address or IPv6 /64. 0: 200, and loopback is not counted. -1: any number."`
	MaxQueuedBytes        int `name:"live-max-queued-bytes" env:"LIVE_MAX_QUEUED_BYTES" default:"1073741824" help:"Bytes held for all connections together, what they share counted once; over it those who hold most are closed and nobody is let in. 0: any number."`
	HTTPMaxConnections    int `name:"http-max-connections" env:"HTTP_MAX_CONNECTIONS" default:"16384" help:"Connections that have not upgraded, half-open ones included."`
	HTTPPerAddress        int `name:"http-max-connections-per-address" env:"HTTP_MAX_CONNECTIONS_PER_ADDRESS" default:"0" help:"The same for one IPv4 address or IPv6 /64. 0: 512, and loopback is not counted. -1: any number."`
	HTTPRatePerAddress    int `name:"http-rate-per-address" env:"HTTP_RATE_PER_ADDRESS" default:"0" help:"Requests per second for the page and its list of events, of one IPv4 address or IPv6 /64, five seconds' worth at once. 0: 500, and loopback is not counted. -1: any number."`
	HTTPHeaderTimeoutMS   int `name:"http-header-timeout-ms" env:"HTTP_HEADER_TIMEOUT_MS" default:"10000" help:"How long a client may take for its TLS handshake, and for the header of its request, in ms."`
	HTTPMaxHeaderBytes    int `name:"http-max-header-bytes" env:"HTTP_MAX_HEADER_BYTES" default:"16384" help:"Longest header of a request."`

	OpsToken Secret `name:"ops-token" env:"OPS_TOKEN" help:"Bearer token of 16 bytes or more that OPS_ADDR asks for, except at /healthz and at /readyz without details. Unset: none."`
	OpsPprof bool   `name:"ops-pprof" env:"OPS_PPROF" help:"Profiles also where OPS_ADDR is no loopback address."`
}

// Limits of one address that hold when a setting is 0.
const (
	autoPerAddress     = 2000
	autoUpgradeRate    = 200
	autoHTTPPerAddress = 512
	autoHTTPRate       = 500 // thirty pages a second: a page is some fifteen files
)

// leastOpsToken is the least length of OPS_TOKEN, in bytes: nobody counts how
// often one is guessed.
const leastOpsToken = 16

func (c *PublicConfig) validatePublic() (errs []error) {
	if (c.TLSCertFile == "") != (c.TLSKeyFile == "") {
		errs = append(errs, errors.New("TLS_CERT_FILE and TLS_KEY_FILE go together, allowed are both or none"))
	}
	if c.TLSHSTSSeconds > 0 && c.TLSCertFile == "" {
		errs = append(errs, errors.New("TLS_HSTS_SECONDS is set, which needs TLS_CERT_FILE and TLS_KEY_FILE: behind a proxy that ends TLS, the proxy says it"))
	}
	if c.ProxyProtocol && len(c.TrustedProxies) == 0 {
		errs = append(errs, errors.New("PROXY_PROTOCOL is set, which needs TRUSTED_PROXIES: strangers could claim any address"))
	}
	if _, err := prefixes("TRUSTED_PROXIES", c.TrustedProxies); err != nil {
		errs = append(errs, err)
	}
	if n := len(c.OpsToken); n > 0 && n < leastOpsToken {
		errs = append(errs, fmt.Errorf("OPS_TOKEN has %d bytes, allowed are %d or more", n, leastOpsToken))
	}
	if _, err := origin.ParseSources(c.FrameAncestors); err != nil {
		errs = append(errs, fmt.Errorf("FRAME_ANCESTORS has an entry that cannot be: %w; allowed are origins, hosts, those below one (*.club.example), and *", err))
	}
	for _, r := range []struct {
		name      string
		v, lo, hi int
	}{
		{"TLS_HSTS_SECONDS", c.TLSHSTSSeconds, 0, 63072000},
		{"LIVE_MAX_CONNECTIONS_PER_ADDRESS", c.PerAddress, -1, 10000000},
		{"LIVE_UPGRADE_RATE", c.UpgradeRate, 0, 1000000},
		{"LIVE_UPGRADE_RATE_PER_ADDRESS", c.UpgradeRatePerAddress, -1, 1000000},
		{"LIVE_MAX_QUEUED_BYTES", c.MaxQueuedBytes, 0, 1 << 46},
		{"HTTP_MAX_CONNECTIONS", c.HTTPMaxConnections, 1, 10000000},
		{"HTTP_MAX_CONNECTIONS_PER_ADDRESS", c.HTTPPerAddress, -1, 10000000},
		{"HTTP_RATE_PER_ADDRESS", c.HTTPRatePerAddress, -1, 1000000},
		{"HTTP_HEADER_TIMEOUT_MS", c.HTTPHeaderTimeoutMS, 100, 600000},
		{"HTTP_MAX_HEADER_BYTES", c.HTTPMaxHeaderBytes, 1024, 1 << 20},
	} {
		if r.v < r.lo || r.v > r.hi {
			errs = append(errs, fmt.Errorf("%s is %d, allowed is %d to %d", r.name, r.v, r.lo, r.hi))
		}
	}
	return errs
}

// proxies are the trusted ones. Validate has read them before.
func (c *PublicConfig) proxies() []netip.Prefix {
	list, _ := prefixes("TRUSTED_PROXIES", c.TrustedProxies)
	return list
}

// origins are ALLOWED_ORIGINS. Validate has read them before.
func (c *Config) origins() origin.List {
	list, _ := origin.ParseList(c.AllowedOrigins)
	return list
}

// embedders are FRAME_ANCESTORS. Validate has read them before.
func (c *PublicConfig) embedders() []string {
	sources, _ := origin.ParseSources(c.FrameAncestors)
	return sources
}

// limits are those of the live server. A limit of one address that is set to
// 0 is the built-in one, which spares loopback.
func (c *PublicConfig) liveLimits() live.Limits {
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
		UpgradeRate: float64(c.UpgradeRate), QueuedBytes: int64(c.MaxQueuedBytes), TrustedProxies: c.proxies(),
		Requests: at(c.HTTPRatePerAddress, autoHTTPRate),
		Pending:  c.HTTPMaxConnections, PendingPerAddress: at(c.HTTPPerAddress, autoHTTPPerAddress),
	}
}
