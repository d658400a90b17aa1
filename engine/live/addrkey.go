package live

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// addrKey is the key that connections and requests are counted under: one IPv4
// address, or one IPv6 /64, which is what a household gets. The zero value stands for
// an unknown address, which has no limits.
type addrKey struct{ prefix netip.Prefix }

func addrKeyOf(a netip.Addr) addrKey {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return addrKey{}
	}
	return addrKey{p}
}

// clientAddr returns the address of the client that sent a request. Trusted proxies
// name it in X-Forwarded-For, which is read from the right: everything to the left of
// the first address that is not a trusted proxy's may be forged. known is false if a
// trusted proxy names no client.
func clientAddr(r *http.Request, trusted []netip.Prefix) (at netip.Addr, known bool) {
	at, known = peerOf(r)
	if !known || !within(at, trusted) {
		return at, known
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := parseHop(hops[i])
		if !ok {
			return netip.Addr{}, false
		}
		if !within(hop, trusted) {
			return hop, true
		}
	}
	return netip.Addr{}, false
}

// peerOf returns the address of the other end of a request's connection: the client's
// or a proxy's.
func peerOf(r *http.Request) (at netip.Addr, ok bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return peer.Addr().Unmap().WithZone(""), err == nil
}

// trusted reports whether a request comes from a trusted proxy.
func (srv *Server) trusted(r *http.Request) bool {
	peer, ok := peerOf(r)
	return ok && within(peer, srv.opts.TrustedProxies)
}

// parseHop parses an address, with or without a port.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	a, err := netip.ParseAddr(text)
	return a.Unmap().WithZone(""), err == nil
}

func within(a netip.Addr, list []netip.Prefix) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}
