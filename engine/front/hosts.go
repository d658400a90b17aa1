package front

import (
	"net"
	"net/http"
	"net/netip"

	"pitwall/engine/internal/origin"
)

const (
	notOurName = "this listener answers only to its own address or localhost as host; " +
		"behind a proxy, set TRUSTED_PROXIES (the proxy has to send X-Forwarded-For), or ALLOWED_ORIGINS to its name"
	notThroughProxy = "this listener serves direct clients only, and this request came through a proxy; " +
		"set AUTH_MODE, or AUTH_ALLOW_ANONYMOUS=true if everybody who reaches the proxy may watch, and TRUSTED_PROXIES"
)

// checkHost refuses, for every path, what is not meant for a listener that
// nobody has opened to the world.
//
// Where everybody may watch (AUTH_MODE=none), requests that bear the marks of a
// proxy are refused: through the proxy the listener would be a public one. A
// proxy that leaves no mark and sends the listener's own address or localhost as
// host cannot be told from a direct client.
//
// A loopback listener refuses requests that were sent to another name. A page
// whose name was pointed at 127.0.0.1 (DNS rebinding) has the same origin as the
// listener to a browser, and could read everything. Let through are hosts in
// ALLOWED_ORIGINS, and what came through a trusted proxy.
func (s *Server) checkHost(next http.Handler, at net.Addr) http.Handler {
	if s.opts.Anonymous {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !s.opts.SignIn && origin.Forwarded(r):
			s.opts.Live.RefuseProxy(w, r, notThroughProxy)
		case isLoopback(at) && !origin.OwnHost(r.Host, at) && !s.opts.Origins.NamesHost(r.Host) && !s.throughProxy(r):
			s.opts.Live.RefuseHost(w, notOurName)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func isLoopback(at net.Addr) bool {
	tcp, ok := at.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// throughProxy reports whether a request to a loopback listener came through a
// trusted proxy. It did when it comes from an address elsewhere, since only a
// PROXY header can say so, or from the proxy's address with X-Forwarded-For. The
// address alone is not enough: other programs of this machine have it, too.
//
// A page whose name was pointed here can set that header on what it fetches, but
// not on a WebSocket. It reads what everybody may read.
func (s *Server) throughProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	return !peer.Addr().Unmap().IsLoopback() ||
		within(peer, s.opts.Proxies) && (s.opts.ProxyProtocol || r.Header.Get("X-Forwarded-For") != "")
}

// warnOfProxies says at start what a request may not show: through a proxy on
// this machine all clients come from a loopback address, which the built-in
// limits of an address do not count.
func (s *Server) warnOfProxies(at net.Addr) {
	open := s.opts.SignIn || s.opts.Anonymous
	if isLoopback(at) && open && len(s.opts.Proxies) == 0 {
		s.opts.Logger.Warn("HTTP_ADDR is a loopback address and TRUSTED_PROXIES is not set: if a proxy on this machine serves it, its clients have no limits of an address", "http_addr", at.String())
	}
}
