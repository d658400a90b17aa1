package front

import (
	"net"
	"net/netip"
	"slices"

	"github.com/pires/go-proxyproto"
)

// readProxyHeaders reads the PROXY header, which trusted proxies must send. From other
// clients it reads none, so that they cannot claim another address.
func (s *Server) readProxyHeaders(l net.Listener) net.Listener {
	return &proxyproto.Listener{
		Listener: l, ReadHeaderTimeout: s.opts.HeaderTimeout,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if peer, err := netip.ParseAddrPort(o.Upstream.String()); err == nil && within(peer, s.opts.Proxies) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
}

// within reports whether an address is in one of the ranges.
func within(peer netip.AddrPort, list []netip.Prefix) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(peer.Addr().Unmap()) })
}
