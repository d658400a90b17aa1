package live

import (
	"bufio"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/lxzan/gws"

	"pitwall/codec"
)

// subprotocol is the one that is answered, where a client offers it.
const subprotocol = "pitwall.v1"

// upgraders are gws', one per combination of what is agreed on: gws would
// refuse clients that do not offer a subprotocol once it knows one.
type upgraders struct {
	plain, named *gws.Upgrader
}

func newUpgraders(maxMessage int) upgraders {
	option := func(sub ...string) *gws.ServerOption {
		return &gws.ServerOption{
			SubProtocols:       sub,
			ReadMaxPayloadSize: maxMessage,
			CheckUtf8Enabled:   true,
			Recovery:           nil, // our reader goroutine recovers
			NewSession:         func() gws.SessionStorage { return nil },
		}
	}
	return upgraders{
		plain: gws.NewUpgrader(handler{}, option()),
		named: gws.NewUpgrader(handler{}, option(subprotocol)),
	}
}

func (u upgraders) pick(r *http.Request) *gws.Upgrader {
	for _, h := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(h, ",") {
			if strings.TrimSpace(p) == subprotocol {
				return u.named
			}
		}
	}
	return u.plain
}

// ServeHTTP upgrades a request to a live connection, or refuses it: 400 for no
// handshake, 401 unauthorised, 403 origin, 429 limit, 503 draining.
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if srv.draining.Load() {
		srv.reject(w, http.StatusServiceUnavailable, reasonDraining, "come back after a pause")
		return
	}
	if !isHandshake(r) {
		srv.reject(w, http.StatusBadRequest, reasonHandshake, "not a WebSocket handshake")
		return
	}
	if !srv.allowedOrigin(r) {
		srv.reject(w, http.StatusForbidden, reasonOrigin, "origin not allowed")
		return
	}
	from, reason := srv.enter(r)
	if reason != "" {
		srv.reject(w, http.StatusTooManyRequests, reason, "too many")
		return
	}
	who, status := srv.opts.Access.Authenticate(r)
	if status != 0 {
		srv.unadmit(nil, from)
		srv.reject(w, status, accessReason(status), http.StatusText(status))
		return
	}
	if err := srv.upgrade(w, r, who, from); err != nil {
		srv.unadmit(who, from)
		srv.faults.report("upgrading a connection failed", err)
	}
}

func (srv *Server) reject(w http.ResponseWriter, status int, reason, why string) {
	srv.m.rejected(status, reason)
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	http.Error(w, reason+": "+why, status)
}

// isHandshake checks what gws would answer with 400 from inside the upgrade,
// when it is too late to say so properly (RFC 6455, section 4.2.1).
func isHandshake(r *http.Request) bool {
	return r.Method == http.MethodGet &&
		headerHas(r.Header, "Connection", "upgrade") &&
		headerHas(r.Header, "Upgrade", "websocket") &&
		r.Header.Get("Sec-WebSocket-Version") == "13" &&
		r.Header.Get("Sec-WebSocket-Key") != ""
}

func headerHas(h http.Header, name, token string) bool {
	return slices.ContainsFunc(h.Values(name), func(v string) bool {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
		return false
	})
}

// allowedOrigin lets in what is no browser (no Origin), pages of the same
// host, and those of the hosts configured.
func (srv *Server) allowedOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(srv.opts.Origins, "*") {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	return strings.EqualFold(u.Host, r.Host) || slices.Contains(srv.opts.Origins, u.Host) || slices.Contains(srv.opts.Origins, origin)
}

// upgrade takes the connection from the HTTP server, lets gws shake hands, and
// starts the reader.
func (srv *Server) upgrade(w http.ResponseWriter, r *http.Request, who any, from client) error {
	raw, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		srv.reject(w, http.StatusInternalServerError, reasonNoHijack, "cannot upgrade")
		return err
	}
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	s := srv.newSession(raw, early, r)
	s.ws, err = srv.gws.pick(r).UpgradeFromConn(s.sock, bufio.NewReaderSize(s.sock, 256), r)
	if err != nil {
		s.cut()
		return err
	}
	s.from = from
	s.settle(who)
	s.reply(codec.AppendWelcome(nil, srv.opts.InstanceID, int(srv.opts.Heartbeat.Milliseconds())))
	srv.sessions.Store(s.id, s)
	srv.members.Add(1)
	srv.readers.Add(1)
	go s.read()
	if srv.draining.Load() { // Drain may have listed the sessions just before
		s.close(1001, "going away")
	}
	return nil
}

func (srv *Server) newSession(c net.Conn, early []byte, r *http.Request) *session {
	s := &session{srv: srv, sock: newSocket(c, early), id: srv.lastID.Add(1), flushed: make(chan struct{})}
	s.sock.sess = s
	s.sock.tune(srv.opts.NotsentLowat)
	batch := r.URL.Query().Get("batch") == "1"
	s.conn = srv.core.NewConn(int(s.id%uint64(srv.opts.Writers)), batch, s)
	return s
}
