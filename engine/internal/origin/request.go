package origin

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// OwnHost reports whether a Host header names the listener at this address: it is
// localhost or the address itself. Another address may be that of a proxy that forwards
// Host. A missing header (HTTP/1.0) also counts, because browsers always send one.
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

// IsLoopback reports whether only this machine can reach the address of a listener.
func IsLoopback(at net.Addr) bool {
	tcp, ok := at.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Headers that proxies and content delivery networks add and browsers do not. A page
// that sets one itself only has its own request refused.
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
// no header looks like a direct client.
func Forwarded(r *http.Request) bool {
	if !r.ProtoAtLeast(1, 1) {
		return true
	}
	for name := range r.Header {
		if slices.Contains(proxyHeaders, name) || slices.ContainsFunc(proxyPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			return true
		}
	}
	return false
}

// Secure reports whether a request is known to have come over TLS, to this process
// or to a proxy. trusted says that its X-Forwarded-Proto can be trusted.
func Secure(r *http.Request, trusted bool) bool {
	if r.TLS != nil || !trusted {
		return r.TLS != nil
	}
	protos := strings.Split(strings.ToLower(strings.Join(r.Header.Values("X-Forwarded-Proto"), ",")), ",")
	return slices.ContainsFunc(protos, func(proto string) bool {
		proto = strings.TrimSpace(proto)
		return proto == "https" || proto == "wss"
	})
}

// FromRequest returns the origin of the page that made a request. present is false
// without an Origin header, which requests of programs do not have. The error is for
// a header that cannot be compared, such as null.
func FromRequest(r *http.Request) (o Origin, present bool, err error) {
	values := r.Header.Values("Origin")
	if len(values) == 0 {
		return Origin{}, false, nil
	}
	o, err = Parse(strings.Join(values, ", ")) // several values are an error
	return o, true, err
}
