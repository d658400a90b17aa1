package engine

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"

	"pitwall/engine/access"
	"pitwall/engine/internal/origin"
	"pitwall/engine/live"
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
// Where everybody may watch (AUTH_MODE=none), requests with the marks of a proxy
// are refused: through it the listener would be a public one. One that leaves no
// mark, and sends the listener's own address or localhost as host, cannot be told
// from a direct client.
//
// A loopback listener refuses requests that were sent to another name: a page
// from elsewhere, whose name somebody has pointed at 127.0.0.1 (DNS rebinding),
// is of the same origin to a browser. Hosts in ALLOWED_ORIGINS are let through,
// and what has come through a trusted proxy.
func (c *Config) checkHost(next http.Handler, at net.Addr, srv *live.Server) http.Handler {
	if c.AuthAllowAnonymous {
		return next
	}
	tcp, ok := at.(*net.TCPAddr)
	local, direct := ok && tcp.IP.IsLoopback(), c.AuthMode == access.ModeNone
	allowed, proxies := c.origins(), c.proxies()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case direct && origin.Forwarded(r):
			srv.RefuseProxy(w, r, notThroughProxy)
		case local && !origin.OwnHost(r.Host, at) && !allowed.NamesHost(r.Host) && !c.throughProxy(r, proxies):
			srv.RefuseHost(w, notOurName)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// throughProxy reports whether a request to a loopback listener has come through
// a trusted proxy: from an address elsewhere, as only its PROXY header can say,
// or with its X-Forwarded-For. Others of this machine may connect from the
// proxy's address, too.
//
// A page whose name was pointed here can set that header for what it fetches,
// but not for a WebSocket, and reads what everybody may.
func (c *Config) throughProxy(r *http.Request, proxies []netip.Prefix) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	return !peer.Addr().Unmap().IsLoopback() ||
		within(peer, proxies) && (c.ProxyProtocol || r.Header.Get("X-Forwarded-For") != "")
}

// warnOfProxies says at start what no request may show: through a proxy on this
// machine all clients come from a loopback address, which has no limits unless
// they are set.
func (c *Config) warnOfProxies(at net.Addr, log *slog.Logger) {
	open := c.AuthMode != access.ModeNone || c.AuthAllowAnonymous
	if tcp, ok := at.(*net.TCPAddr); ok && tcp.IP.IsLoopback() && open && len(c.TrustedProxies) == 0 {
		log.Warn("HTTP_ADDR is a loopback address and TRUSTED_PROXIES is not set: if a proxy on this machine serves it, its clients have no limits of an address", "http_addr", at.String())
	}
}
