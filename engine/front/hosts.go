package front

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"pitwall/engine/internal/origin"
)

const (
	foreignHostText = "this listener answers only to its own address or localhost as host; " +
		"behind a proxy, set TRUSTED_PROXIES (the proxy has to send X-Forwarded-For), or ALLOWED_ORIGINS to its name"
	proxiedText = "this listener serves direct clients only, and this request came through a proxy; " +
		"set AUTH_MODE, or AUTH_ALLOW_ANONYMOUS=true if everybody who reaches the proxy may watch, and TRUSTED_PROXIES"
)

// checkHost refuses requests that the listener is not meant for, on every path.
//
// If everybody may watch (AUTH_MODE=none), it refuses requests with the headers of a
// proxy, because a proxy would make the listener public. A proxy that adds no header
// and sends the listener's own address or localhost as Host looks like a direct
// client.
//
// A loopback listener refuses requests that were sent to another name. If the name of
// a page resolves to 127.0.0.1 (DNS rebinding), the browser treats the page and the
// listener as the same origin, and the page could read everything. Hosts in
// ALLOWED_ORIGINS and requests through a trusted proxy are allowed.
func (s *Server) checkHost(next http.Handler, at net.Addr) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch s.classifyHost(r, at) {
		case hostProxied:
			s.opts.Live.RefuseProxy(w, r, proxiedText)
		case hostForeign:
			s.opts.Live.RefuseHost(w, foreignHostText)
		default:
			if r.URL.Path != "/live" { // the live server does it itself
				s.opts.Live.NoteProxy(r)
			}
			next.ServeHTTP(w, r)
		}
	})
}

// hostDecision is what checkHost does with a request.
type hostDecision int

const (
	hostAllowed hostDecision = iota
	hostProxied              // it came through a proxy that is not allowed
	hostForeign              // it was sent to another name
)

func (s *Server) classifyHost(r *http.Request, at net.Addr) hostDecision {
	switch {
	case s.opts.Anonymous:
	case !s.opts.SignIn && origin.Forwarded(r):
		return hostProxied
	case origin.IsLoopback(at) && !origin.OwnHost(r.Host, at) && !s.opts.Origins.ContainsHost(r.Host) && !s.throughProxy(r, at):
		return hostForeign
	}
	return hostAllowed
}

// throughProxy reports whether a request to a loopback listener came through a trusted
// proxy. There are three signs of it:
//
//   - The peer address is not loopback. Only a PROXY header causes that.
//   - The peer address is that of the proxy, and PROXY_PROTOCOL is on. The connection
//     then began with a PROXY header, which no browser sends.
//   - The peer address is that of the proxy, the request has X-Forwarded-For, and Host
//     does not name the port of this listener.
//
// The address alone is not enough, because other programs on this machine have it too.
// A page that uses DNS rebinding can set X-Forwarded-For, but it cannot change Host,
// which names the port of this listener. Clients of a proxy name the port of the proxy.
// Host omits port 80, so on that port the two look the same. Even then the page cannot
// open a WebSocket.
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

// namesPort reports whether a host names the port of the listener.
func namesPort(host string, at net.Addr) bool {
	_, port, err := net.SplitHostPort(host)
	tcp, ok := at.(*net.TCPAddr)
	return err == nil && ok && port == strconv.Itoa(tcp.Port)
}

// warnOfProxies warns at start if HTTP_ADDR is a loopback address and TRUSTED_PROXIES is
// empty. All clients of a proxy on this machine would then have a loopback address, to
// which the default limits per address do not apply. No request can reveal that.
func (s *Server) warnOfProxies(at net.Addr) {
	open := s.opts.SignIn || s.opts.Anonymous
	if origin.IsLoopback(at) && open && len(s.opts.Proxies) == 0 {
		s.opts.Logger.Warn("HTTP_ADDR is a loopback address and TRUSTED_PROXIES is not set: the clients of a proxy on this machine have no limits per address", "http_addr", at.String())
	}
}
