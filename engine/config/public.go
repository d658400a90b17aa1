package config

import (
	"errors"
	"fmt"
	"net/netip"

	"pitwall/engine/internal/origin"
)

// Public holds the settings of a public listener that faces the internet, and of
// the private listener's protection.
type Public struct {
	TLSCertFile    string `name:"tls-cert-file" env:"TLS_CERT_FILE" help:"Certificate of the public listener, with its chain, in PEM. Read again when it changes. Unset: no TLS."`
	TLSKeyFile     string `name:"tls-key-file" env:"TLS_KEY_FILE" help:"Private key of the certificate, in PEM."`
	TLSMinVersion  string `name:"tls-min-version" env:"TLS_MIN_VERSION" default:"1.3" enum:"1.2,1.3" help:"Oldest version of TLS: 1.2 or 1.3."`
	TLSHSTSSeconds int    `name:"tls-hsts-seconds" env:"TLS_HSTS_SECONDS" default:"0" range:"0 to 63072000" help:"How long browsers use only TLS for this host after a visit over TLS (Strict-Transport-Security), in seconds. It cannot be revoked earlier. 0: no such header."`

	FrameAncestors []string `name:"frame-ancestors" env:"FRAME_ANCESTORS" help:"Origins whose pages may embed the map, besides the page's own, written as in ALLOWED_ORIGINS. https://*.club.example: all hosts below it. *: all."`

	TrustedProxies []string `name:"trusted-proxies" env:"TRUSTED_PROXIES" help:"Addresses and ranges of proxies whose X-Forwarded-For is trusted, read from the right."`
	ProxyProtocol  bool     `name:"proxy-protocol" env:"PROXY_PROTOCOL" help:"Trusted proxies begin each connection with a PROXY protocol header."`

	PerAddress            int `name:"live-max-connections-per-address" env:"LIVE_MAX_CONNECTIONS_PER_ADDRESS" default:"0" range:"-1 to 10000000" help:"Most connections of one IPv4 address or IPv6 /64. 0: 2000, and loopback is not counted. -1: no limit."`
	UpgradeRate           int `name:"live-upgrade-rate" env:"LIVE_UPGRADE_RATE" default:"10000" range:"0 to 1000000" help:"Handshakes per second, with bursts of five seconds' worth. 0: no limit."`
	UpgradeRatePerAddress int `name:"live-upgrade-rate-per-address" env:"LIVE_UPGRADE_RATE_PER_ADDRESS" default:"0" range:"-1 to 1000000" help:"Handshakes per second of one IPv4 address or IPv6 /64. 0: 200, and loopback is not counted. -1: no limit."`
	MaxQueuedBytes        int `name:"live-max-queued-bytes" env:"LIVE_MAX_QUEUED_BYTES" default:"1073741824" range:"0 to 70368744177664" help:"Most bytes held for all connections together; shared bytes count once. Beyond it the connections that hold most are closed, and new ones are refused. 0: no limit."`
	HTTPMaxConnections    int `name:"http-max-connections" env:"HTTP_MAX_CONNECTIONS" default:"16384" range:"1 to 10000000" help:"Most connections that have not upgraded, half-open ones included."`
	HTTPPerAddress        int `name:"http-max-connections-per-address" env:"HTTP_MAX_CONNECTIONS_PER_ADDRESS" default:"0" range:"-1 to 10000000" help:"Most such connections of one IPv4 address or IPv6 /64. 0: 512, and loopback is not counted. -1: no limit."`
	HTTPRatePerAddress    int `name:"http-rate-per-address" env:"HTTP_RATE_PER_ADDRESS" default:"0" range:"-1 to 1000000" help:"Requests per second of one IPv4 address or IPv6 /64 for the page and its list of events, with bursts of one second's worth. Requests beyond it wait for up to five seconds. 0: 200, and loopback is not counted. -1: no limit."`
	HTTPRate              int `name:"http-rate" env:"HTTP_RATE" default:"1000" range:"0 to 10000000" help:"Such requests per second of all addresses together, not counting 10 per second of each address (50 at once). 0: no limit."`
	AuthFailures          int `name:"auth-failures-per-address" env:"AUTH_FAILURES_PER_ADDRESS" default:"0" range:"-1 to 1000000" help:"Wrong credentials per second of one IPv4 address or IPv6 /64, with bursts of four seconds' worth. Beyond it, credentials that were not accepted recently wait for up to five seconds, or are refused unchecked. 0: 5, and loopback is not counted. -1: no limit."`
	HTTPHeaderTimeoutMS   int `name:"http-header-timeout-ms" env:"HTTP_HEADER_TIMEOUT_MS" default:"10000" range:"100 to 600000" help:"Longest time for a client's TLS handshake, and for the header of its request, in ms."`
	HTTPMaxHeaderBytes    int `name:"http-max-header-bytes" env:"HTTP_MAX_HEADER_BYTES" default:"16384" range:"1024 to 1048576" help:"Longest header of a request, in bytes."`

	OpsToken     Secret `name:"ops-token" env:"OPS_TOKEN" help:"Bearer token that OPS_ADDR requires, 16 bytes or more, except at /healthz and at /readyz without details. Unset: none."`
	OpsTokenFile string `name:"ops-token-file" env:"OPS_TOKEN_FILE" help:"File that holds OPS_TOKEN instead."`
	OpsPprof     bool   `name:"ops-pprof" env:"OPS_PPROF" help:"Serve profiles even if OPS_ADDR is not a loopback address."`
}

// minOpsToken is the least length of OPS_TOKEN, in bytes. Guesses are not limited.
const minOpsToken = 16

func (c *Public) validate() error {
	_, proxiesErr := prefixes("TRUSTED_PROXIES", c.TrustedProxies)
	_, sourcesErr := origin.ParseSources(c.FrameAncestors)
	return errors.Join(
		refuseIf((c.TLSCertFile == "") != (c.TLSKeyFile == ""), "TLS_CERT_FILE and TLS_KEY_FILE must be set together"),
		refuseIf(c.TLSHSTSSeconds > 0 && c.TLSCertFile == "", "TLS_HSTS_SECONDS is set, which needs TLS_CERT_FILE and TLS_KEY_FILE: a proxy that ends TLS has to send the header itself"),
		refuseIf(c.ProxyProtocol && len(c.TrustedProxies) == 0, "PROXY_PROTOCOL is set, which needs TRUSTED_PROXIES: any client could claim any address"),
		proxiesErr,
		refuseIf(c.OpsToken != "" && len(c.OpsToken) < minOpsToken, "OPS_TOKEN has %d bytes, allowed are %d or more", len(c.OpsToken), minOpsToken),
		refuseIf(sourcesErr != nil, "FRAME_ANCESTORS has an invalid entry: %w; allowed are origins, hosts, hosts below one (*.club.example), and *", sourcesErr))
}

// Proxies returns TRUSTED_PROXIES, which Validate has checked.
func (c *Public) Proxies() []netip.Prefix {
	list, _ := prefixes("TRUSTED_PROXIES", c.TrustedProxies)
	return list
}

// Embedders returns FRAME_ANCESTORS as sources of a Content-Security-Policy. Validate
// has checked them.
func (c *Public) Embedders() []string {
	sources, _ := origin.ParseSources(c.FrameAncestors)
	return sources
}

// prefixes reads a list of addresses and CIDR ranges.
func prefixes(name string, list []string) (out []netip.Prefix, err error) {
	for _, text := range trimmed(list) {
		if a, wrong := netip.ParseAddr(text); wrong == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		} else if p, wrong := netip.ParsePrefix(text); wrong == nil {
			out = append(out, p.Masked())
		} else {
			err = errors.Join(err, fmt.Errorf("%s has %q, allowed are addresses and ranges like 10.0.0.0/8", name, text))
		}
	}
	return out, err
}
