package ops

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// localOnly refuses requests that were sent to a name other than an address or
// localhost.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !IsLocalName(r.Host) {
			http.Error(w, "this listener answers only to an IP address or localhost as host", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// IsLocalName reports whether a Host header means this machine, whatever the
// name service says: an address, or localhost. A missing one (HTTP/1.0) does: a
// browser always sends it.
func IsLocalName(host string) bool {
	if host == "" {
		return true
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
}

// isLoopback says whether only this machine can connect to the address.
func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
