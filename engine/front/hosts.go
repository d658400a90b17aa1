package front

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"

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
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch s.judgeHost(r, at) {
		case hostProxied:
			s.opts.Live.RefuseProxy(w, r, notThroughProxy)
		case hostForeign:
			s.opts.Live.RefuseHost(w, notOurName)
		default:
			if r.URL.Path != "/live" { // which notes it for itself
				s.opts.Live.NoteProxy(r)
			}
			next.ServeHTTP(w, r)
		}
	})
}

// verdict on the host that a request names.
type verdict int

const (
	hostFine    verdict = iota
	hostProxied         // it came through a proxy that may not be there
	hostForeign         // it was sent to another name
)

func (s *Server) judgeHost(r *http.Request, at net.Addr) verdict {
	switch {
	case s.opts.Anonymous:
	case !s.opts.SignIn && origin.Forwarded(r):
		return hostProxied
	case isLoopback(at) && !origin.OwnHost(r.Host, at) && !s.opts.Origins.ContainsHost(r.Host) && !s.throughProxy(r, at):
		return hostForeign
	}
	return hostFine
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
// A page whose name was pointed here can set that header on what it fetches. It
// cannot set Host, though, and its URL has to name this listener's port. A proxy is
// asked on a port of its own. On port 80, which no Host names, the two look the
// same; the page still cannot open a WebSocket then.
func (s *Server) throughProxy(r *http.Request, at net.Addr) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	if !peer.Addr().Unmap().IsLoopback() {
		return true
	}
	return within(peer, s.opts.Proxies) && (s.opts.ProxyProtocol || r.Header.Get("X-Forwarded-For") != "" && !namesPort(r.Host, at))
}

// namesPort reports whether a host names the port that the listener has.
func namesPort(host string, at net.Addr) bool {
	_, port, err := net.SplitHostPort(host)
	tcp, ok := at.(*net.TCPAddr)
	return err == nil && ok && port == strconv.Itoa(tcp.Port)
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
