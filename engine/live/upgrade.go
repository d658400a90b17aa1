package live

import (
	"bufio"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/lxzan/gws"

	"pitwall/codec"
	"pitwall/engine/internal/origin"
)

// subprotocol is the one that is answered, where a client offers it.
const subprotocol = "pitwall.v1"

// agreement is what a handshake agrees on.
type agreement struct{ named, deflate bool }

// upgraders are gws', one per agreement: gws would refuse clients that do not
// offer a subprotocol once it knows one, and looks at the first line of a
// header only.
type upgraders map[agreement]*gws.Upgrader

func newUpgraders(maxMessage int) upgraders {
	all := make(upgraders)
	for _, a := range []agreement{{}, {named: true}, {deflate: true}, {named: true, deflate: true}} {
		o := &gws.ServerOption{
			ReadMaxPayloadSize: maxMessage,
			CheckUtf8Enabled:   true,
			Recovery:           nil, // our reader goroutine recovers
			NewSession:         func() gws.SessionStorage { return nil },
			// It is only for the answer to the handshake: gws is never given a
			// compressed message (see frameValidator), and has none to send.
			PermessageDeflate: gws.PermessageDeflate{Enabled: a.deflate, PoolSize: 1},
		}
		if a.named {
			o.SubProtocols = []string{subprotocol}
		}
		all[a] = gws.NewUpgrader(handler{}, o)
	}
	return all
}

// agree decides what to agree on.
func (srv *Server) agree(h http.Header) agreement {
	return agreement{
		named:   headerHas(h, "Sec-WebSocket-Protocol", func(v string) bool { return v == subprotocol }),
		deflate: srv.core.Deflates() && offersDeflate(h.Values("Sec-WebSocket-Extensions")),
	}
}

// request is the request that gws is given: no more than was agreed on, since it
// looks only at the first value of each header.
func (a agreement) request(r *http.Request) *http.Request {
	h := http.Header{
		"Connection":            {"Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {r.Header.Get("Sec-WebSocket-Key")},
	}
	if a.named {
		h.Set("Sec-WebSocket-Protocol", subprotocol)
	}
	if a.deflate {
		h.Set("Sec-WebSocket-Extensions", deflateName)
	}
	return &http.Request{Method: r.Method, Header: h}
}

// ServeHTTP upgrades a request to a live connection, or refuses it: 400 for no
// handshake, 401 unauthorised, 403 origin, 426 for another version of the
// protocol, 429 limit, 503 draining.
//
// A request that does not ask for an upgrade is a probe. It is refused as a
// handshake would be, and with 400 where a handshake would be let in. Browsers do
// not show pages the answer to a handshake, and this is how a page finds out. A
// probe costs what a handshake costs, since it is as much work. Its refusals are
// not counted, as no client was refused.
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reject, probe := srv.reject, isProbe(r)
	if probe {
		reject = respond
	}
	if srv.draining.Load() || !srv.beginRequest() {
		reject(w, http.StatusServiceUnavailable, reasonDraining, "come back after a pause")
		return
	}
	defer srv.handshakes.Done()
	from, reason := srv.admit(r)
	if reason != "" {
		// Who is refused for their address waits for it; for the others it is no
		// fault of theirs.
		late := reason == reasonAddrRate || reason == reasonAddress
		srv.turnAway(w, r, late, func() { reject(w, http.StatusTooManyRequests, reason, "too many") })
		return
	}
	if status, reason, why := srv.unfit(w, r, probe); status != 0 {
		srv.releaseClient(nil, from)
		reject(w, status, reason, why)
		return
	}
	generation := srv.generation.Load()
	who, status, reason := srv.authenticate(w, r, from)
	if status != 0 {
		srv.releaseClient(nil, from)
		srv.turnAway(w, r, reason == reasonFailures, func() { reject(w, status, reason, http.StatusText(status)) })
		return
	}
	if probe {
		srv.releaseClient(who, from)
		srv.reject(w, http.StatusBadRequest, reasonHandshake, noHandshake)
		return
	}
	s, err := srv.upgrade(w, r, who, from)
	if err != nil {
		srv.releaseClient(who, from)
		srv.faults.warn("upgrading a connection failed", err)
		return
	}
	if generation != srv.generation.Load() && srv.opts.Reauth.Keeper != nil {
		s.requestCheck() // access changed after the question, and Recheck may have missed s
	}
}

// unfit says what is wrong with a handshake, whoever it is from; status is 0 for
// nothing. A probe need not shake hands.
func (srv *Server) unfit(w http.ResponseWriter, r *http.Request, probe bool) (status int, reason, why string) {
	switch {
	case !probe && !isHandshake(r):
		return http.StatusBadRequest, reasonHandshake, noHandshake
	case !probe && r.Header.Get("Sec-WebSocket-Version") != "13":
		w.Header().Set("Sec-WebSocket-Version", "13") // RFC 6455, section 4.4
		return http.StatusUpgradeRequired, reasonHandshake, "WebSocket version 13 is spoken here"
	case !srv.allowedOrigin(r):
		return http.StatusForbidden, reasonOrigin, "origin not allowed"
	}
	return 0, "", ""
}

// turnAway gives an answer, late where that slows down who is to blame.
func (srv *Server) turnAway(w http.ResponseWriter, r *http.Request, late bool, answer func()) {
	if late {
		srv.refuseLate(w, r, answer)
		return
	}
	answer()
}

// RefuseHost answers a request, for whatever page, that was sent to a host name
// that is not served.
func (srv *Server) RefuseHost(w http.ResponseWriter, why string) {
	srv.m.refusal(reasonHost)
	http.Error(w, reasonHost+": "+why, http.StatusForbidden)
}

// RefuseProxy answers a request, for whatever page, that came through a proxy
// where only direct clients are served.
func (srv *Server) RefuseProxy(w http.ResponseWriter, r *http.Request, why string) {
	if len(r.Header.Values("Upgrade")) > 0 {
		srv.reject(w, http.StatusUnauthorized, reasonProxy, why)
		return
	}
	srv.m.refusal(reasonProxy)
	respond(w, http.StatusUnauthorized, reasonProxy, why)
}

// reject refuses an upgrade.
func (srv *Server) reject(w http.ResponseWriter, status int, reason, why string) {
	srv.m.rejected(status, reason)
	respond(w, status, reason, why)
}

// respond says why a request is refused.
func respond(w http.ResponseWriter, status int, reason, why string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110, section 15.5.2
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	http.Error(w, reason+": "+why, status)
}

const noHandshake = "not a WebSocket handshake"

// isProbe reports whether a request does not ask for an upgrade at all.
func isProbe(r *http.Request) bool {
	return r.Method == http.MethodGet && len(r.Header.Values("Upgrade")) == 0
}

// isHandshake checks what gws would answer with 400 from inside the upgrade,
// when it is too late to say so properly (RFC 6455, section 4.2.1).
func isHandshake(r *http.Request) bool {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	return r.Method == http.MethodGet && r.ProtoAtLeast(1, 1) &&
		headerHas(r.Header, "Connection", func(v string) bool { return strings.EqualFold(v, "upgrade") }) &&
		headerHas(r.Header, "Upgrade", func(v string) bool { return strings.EqualFold(v, "websocket") }) &&
		err == nil && len(key) == 16
}

// headerHas reports whether one of the values of a header, or of a list in one of
// them, is as is says.
func headerHas(h http.Header, name string, is func(string) bool) bool {
	return slices.ContainsFunc(h.Values(name), func(v string) bool {
		for part := range strings.SplitSeq(v, ",") {
			if is(strings.TrimSpace(part)) {
				return true
			}
		}
		return false
	})
}

// allowedOrigin reports whether a request comes from no page (it has no Origin), from
// a page of the same origin, or from one that is allowed.
func (srv *Server) allowedOrigin(r *http.Request) bool {
	if srv.opts.Origins.Any() {
		return true
	}
	from, present, err := origin.FromRequest(r)
	if !present {
		return true
	}
	return err == nil && (srv.opts.Origins.Contains(from) || from.Matches(r.Host, origin.Secure(r, srv.trusted(r))))
}

// upgrade takes the connection from the HTTP server, lets gws do the handshake, and
// starts the session's reader.
func (srv *Server) upgrade(w http.ResponseWriter, r *http.Request, who any, from addrKey) (*session, error) {
	raw, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		srv.reject(w, http.StatusInternalServerError, reasonNoHijack, "cannot upgrade")
		return nil, err
	}
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	agreed := srv.agree(r.Header)
	sock := newSocket(raw, early)
	ws, err := srv.upgraders[agreed].UpgradeFromConn(sock, bufio.NewReaderSize(sock, readBuffer), agreed.request(r))
	if err != nil {
		return nil, err // gws has closed the socket
	}
	s := srv.newSession(sock, ws, r.URL.Query().Get("batch") == "1", agreed.deflate)
	s.addr = from
	s.identify(who)
	s.push(sock.answer)
	sock.answer = nil
	s.reply(codec.AppendWelcome(nil, srv.opts.InstanceID, int(srv.opts.Heartbeat.Milliseconds())))
	srv.sessions.Store(s.id, s)
	srv.joined.Add(1)
	srv.readers.Add(1)
	go s.reader()()
	if srv.draining.Load() { // Drain may have listed the sessions just before
		s.close(1001, "going away")
	}
	return s, nil
}

// newSession makes a session of a connection whose handshake is done.
func (srv *Server) newSession(sock *socket, ws *gws.Conn, batch, deflate bool) *session {
	s := &session{srv: srv, sock: sock, ws: ws, id: srv.lastID.Add(1), flushed: make(chan struct{})}
	sock.sess, s.fd.fd = s, sock.descriptor()
	if err := sock.tune(srv.opts.NotsentLowat); err != nil {
		// It costs freshness for slow clients, no more.
		srv.faults.warn("the options of a socket could not be set", err)
	}
	s.conn = srv.core.NewConn(int(s.id%uint64(srv.opts.Writers)), batch, s)
	if deflate {
		sock.frames.deflate = true
		s.conn.AcceptDeflate()
	}
	return s
}
