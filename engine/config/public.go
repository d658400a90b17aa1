package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"pitwall/engine/internal/origin"
)

// Public makes the public listener one that can face the internet.
type Public struct {
	TLSCertFile    string `name:"tls-cert-file" env:"TLS_CERT_FILE" help:"Certificate of the public listener, with its chain, in PEM. Read again when it changes. Unset: no TLS."`
	TLSKeyFile     string `name:"tls-key-file" env:"TLS_KEY_FILE" help:"Its private key."`
	TLSMinVersion  string `name:"tls-min-version" env:"TLS_MIN_VERSION" default:"1.3" enum:"1.2,1.3" help:"Oldest version of TLS: 1.2 or 1.3."`
	TLSHSTSSeconds int    `name:"tls-hsts-seconds" env:"TLS_HSTS_SECONDS" default:"0" range:"0 to 63072000" help:"How long browsers that have seen this listener over TLS use nothing else for its name (Strict-Transport-Security), in seconds. It cannot be taken back before. 0: not said."`

	FrameAncestors []string `name:"frame-ancestors" env:"FRAME_ANCESTORS" help:"Origins whose pages may embed the map, beside the page's own, as in ALLOWED_ORIGINS; https://*.club.example for all below; * for all."`

	TrustedProxies []string `name:"trusted-proxies" env:"TRUSTED_PROXIES" help:"Addresses and ranges of proxies whose X-Forwarded-For is believed, read from the right."`
	ProxyProtocol  bool     `name:"proxy-protocol" env:"PROXY_PROTOCOL" help:"Trusted proxies begin each connection with a PROXY protocol header."`

	PerAddress            int `name:"live-max-connections-per-address" env:"LIVE_MAX_CONNECTIONS_PER_ADDRESS" default:"0" range:"-1 to 10000000" help:"Connections of one IPv4 address or IPv6 /64 at most. 0: 2000, and loopback is not counted. -1: any number."`
	UpgradeRate           int `name:"live-upgrade-rate" env:"LIVE_UPGRADE_RATE" default:"10000" range:"0 to 1000000" help:"Handshakes per second, five seconds' worth at once. 0: any number."`
	UpgradeRatePerAddress int `name:"live-upgrade-rate-per-address" env:"LIVE_UPGRADE_RATE_PER_ADDRESS" default:"0" range:"-1 to 1000000" help:"The same for one IPv4 address or IPv6 /64. 0: 200, and loopback is not counted. -1: any number."`
	MaxQueuedBytes        int `name:"live-max-queued-bytes" env:"LIVE_MAX_QUEUED_BYTES" default:"1073741824" range:"0 to 70368744177664" help:"Bytes held for all connections together, what they share counted once; over it those who hold most are closed and nobody is let in. 0: any number."`
	HTTPMaxConnections    int `name:"http-max-connections" env:"HTTP_MAX_CONNECTIONS" default:"16384" range:"1 to 10000000" help:"Connections that have not upgraded, half-open ones included."`
	HTTPPerAddress        int `name:"http-max-connections-per-address" env:"HTTP_MAX_CONNECTIONS_PER_ADDRESS" default:"0" range:"-1 to 10000000" help:"The same for one IPv4 address or IPv6 /64. 0: 512, and loopback is not counted. -1: any number."`
	HTTPRatePerAddress    int `name:"http-rate-per-address" env:"HTTP_RATE_PER_ADDRESS" default:"0" range:"-1 to 1000000" help:"Requests per second for the page and its list of events, of one IPv4 address or IPv6 /64, five seconds' worth at once; those beyond wait for up to five seconds. 0: 200, and loopback is not counted. -1: any number."`
	HTTPRate              int `name:"http-rate" env:"HTTP_RATE" default:"1000" range:"0 to 10000000" help:"The same of all addresses together, beyond 10 per second of each, 50 at once. 0: any number."`
	AuthFailures          int `name:"auth-failures-per-address" env:"AUTH_FAILURES_PER_ADDRESS" default:"0" range:"-1 to 1000000" help:"Credentials per second that are not good, of one IPv4 address or IPv6 /64, four seconds' worth at once. Beyond it those that were not good lately wait for up to five seconds, or are refused without a look. 0: 5, and loopback is not counted. -1: any number."`
	HTTPHeaderTimeoutMS   int `name:"http-header-timeout-ms" env:"HTTP_HEADER_TIMEOUT_MS" default:"10000" range:"100 to 600000" help:"How long a client may take for its TLS handshake, and for the header of its request, in ms."`
	HTTPMaxHeaderBytes    int `name:"http-max-header-bytes" env:"HTTP_MAX_HEADER_BYTES" default:"16384" range:"1024 to 1048576" help:"Longest header of a request."`

	OpsToken Secret `name:"ops-token" env:"OPS_TOKEN" help:"Bearer token of 16 bytes or more that OPS_ADDR asks for, except at /healthz and at /readyz without details. Unset: none."`
	OpsPprof bool   `name:"ops-pprof" env:"OPS_PPROF" help:"Profiles also where OPS_ADDR is no loopback address."`
}

// leastOpsToken is the least length of OPS_TOKEN, in bytes: nobody counts how
// often one is guessed.
const leastOpsToken = 16

func (c *Public) validate() error {
	var errs []error
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
	return errors.Join(errs...)
}

// Proxies are TRUSTED_PROXIES. Validate has parsed them before.
func (c *Public) Proxies() []netip.Prefix {
	list, _ := prefixes("TRUSTED_PROXIES", c.TrustedProxies)
	return list
}

// Embedders are FRAME_ANCESTORS, as sources of a Content-Security-Policy.
// Validate has parsed them before.
func (c *Public) Embedders() []string {
	sources, _ := origin.ParseSources(c.FrameAncestors)
	return sources
}

// prefixes reads a list of addresses and CIDR ranges.
func prefixes(name string, list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	var errs []error
	for _, text := range list {
		text = strings.TrimSpace(text)
		p, err := netip.ParsePrefix(text)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(text); err == nil {
				p = netip.PrefixFrom(a, a.BitLen())
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s has %q, allowed are addresses and ranges like 10.0.0.0/8", name, text))
			continue
		}
		out = append(out, p.Masked())
	}
	return out, errors.Join(errs...)
}
