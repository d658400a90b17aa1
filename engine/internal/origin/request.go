package origin

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// OwnHost reports whether a Host header names the listener at this address:
// localhost, or the address itself, whatever the name service says. Any other address
// may be that of a proxy that passes Host on. A missing header (HTTP/1.0) counts as
// its own, because browsers always send one.
func OwnHost(host string, at net.Addr) bool {
	if host == "" {
		return true
	}
	name, _, err := splitHost(host, "")
	if err != nil {
		return false
	}
	if name == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(name)
	own, ownErr := netip.ParseAddrPort(at.String())
	return err == nil && ownErr == nil && a.Unmap() == own.Addr().Unmap().WithZone("")
}

// IsLoopback reports whether only this machine can connect to a listener's address.
func IsLoopback(at net.Addr) bool {
	tcp, ok := at.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Headers that proxies and content delivery networks add, and browsers do not:
// a page that sets one itself has only its own request refused.
var (
	proxyHeaders = []string{
		"Forwarded", "Via", "X-Forwarded", "Forwarded-For", "X-Client-Ip", "X-Cluster-Client-Ip", "True-Client-Ip", "Cdn-Loop",
		"X-Proxyuser-Ip", "X-Scheme", "X-Rewrite-Url", "X-Host", "X-Varnish", "Surrogate-Capability", "Max-Forwards",
		"X-Amzn-Trace-Id", "X-Amz-Cf-Id", "X-Cloud-Trace-Context", "Client-Ip", "Proxy-Client-Ip", "Do-Connecting-Ip", "Incap-Client-Ip",
		"Front-End-Https", "X-Url-Scheme",
	}
	proxyPrefixes = []string{
		"X-Forwarded-", "X-Real-", "X-Original-", "X-Envoy-", "X-Arr-", "X-Azure-", "X-Appengine-", "X-Akamai-",
		"X-Remote-", "X-Nginx-", "X-Vercel-", "X-Nf-", "X-Sucuri-", "Wl-Proxy-",
		"Cf-", "Cloudfront-", "Fastly-", "Fly-", "Akamai-", "Tailscale-", "Ngrok-",
	}
)

// Forwarded reports whether a request has a header that proxies add, even an empty
// one, or uses HTTP/1.0, which proxies speak and browsers do not. A proxy that adds
// no header cannot be told from a direct client.
func Forwarded(r *http.Request) bool {
	if !r.ProtoAtLeast(1, 1) {
		return true
	}
	for name := range r.Header {
		if slices.Contains(proxyHeaders, name) {
			return true
		}
		for _, p := range proxyPrefixes {
			if strings.HasPrefix(name, p) {
				return true
			}
		}
	}
	return false
}

// Secure reports whether a request is known to have come over TLS: to this
// process, or to a proxy. trusted says that its headers are to be believed.
func Secure(r *http.Request, trusted bool) bool {
	if r.TLS != nil {
		return true
	}
	for _, line := range r.Header.Values("X-Forwarded-Proto") {
		for proto := range strings.SplitSeq(line, ",") {
			proto = strings.ToLower(strings.TrimSpace(proto))
			if trusted && (proto == "https" || proto == "wss") {
				return true
			}
		}
	}
	return false
}

// FromRequest returns the origin of the page that a request comes from. present is
// false when it names none, as requests that no page has made; an error is one
// that cannot be compared, such as null.
func FromRequest(r *http.Request) (o Origin, present bool, err error) {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return Origin{}, false, nil
	}
	o, err = Parse(strings.Join(values, ", ")) // two of them are none
	return o, true, err
}
