package live

import (
	"bufio"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lxzan/gws"

	"pitwall/codec"
	"pitwall/engine/internal/origin"
)

// subprotocol is the subprotocol of the answer, if the client offers it.
const subprotocol = "pitwall.v1"

// agreement is what a handshake agrees on: the subprotocol, and compression.
type agreement struct{ named, deflate bool }

// upgraders are those of gws, one per agreement: an upgrader with a subprotocol would
// refuse clients that do not offer one.
type upgraders map[agreement]*gws.Upgrader

func newUpgraders(maxMessage int) upgraders {
	all := make(upgraders)
	for _, a := range []agreement{{}, {named: true}, {deflate: true}, {named: true, deflate: true}} {
		o := &gws.ServerOption{
			ReadMaxPayloadSize: maxMessage,
			CheckUtf8Enabled:   true,
			Recovery:           nil, // readEnded recovers
			NewSession:         func() gws.SessionStorage { return nil },
			// Only for the answer to the handshake: gws neither gets a compressed
			// message (see frameValidator) nor sends one.
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

// request is the request for gws. It offers only what was agreed on, since gws looks only
// at the first value of each header.
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

// ServeHTTP upgrades a request to a live connection, or refuses it: with 400 if it is no
// handshake, 401 without a good credential, 403 for an origin that is not allowed, 426
// for another version of WebSocket, 429 beyond a limit, 503 while draining.
//
// A request that does not ask for an upgrade is a probe. It is refused as a handshake
// would be, and with 400 if a handshake would be let in. Browsers do not show a page why
// a handshake failed, so pages send a probe to find out. The limits count a probe as a
// handshake, since it is as much work. In the metrics only the 400 counts as a refusal:
// the others would count a client twice.
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reject, probe := srv.reject, isProbe(r)
	if probe {
		reject = respond
	}
	if !srv.beginRequest() {
		reject(w, http.StatusServiceUnavailable, reasonDraining, "come back after a pause")
		return
	}
	defer srv.handshakes.Done()
	from, reason := srv.admit(r)
	if reason != "" {
		// Only what exceeds a limit of its own address is delayed: the other limits are
		// not the client's fault.
		delayed := reason == reasonAddrRate || reason == reasonAddress
		srv.refuse(w, r, delayed, func() { reject(w, http.StatusTooManyRequests, reason, "too many") })
		return
	}
	if status, reason, why := srv.unfit(w, r, probe); status != 0 {
		srv.releaseClient(nil, from)
		reject(w, status, reason, why)
		return
	}
	generation := srv.generation.Load()
	identity, status, reason := srv.authenticate(w, r, from)
	if status != 0 {
		srv.releaseClient(nil, from)
		srv.refuse(w, r, reason == reasonFailures, func() { reject(w, status, reason, http.StatusText(status)) })
		return
	}
	if probe {
		srv.releaseClient(identity, from)
		srv.reject(w, http.StatusBadRequest, reasonHandshake, noHandshake)
		return
	}
	s, err := srv.upgrade(w, r, identity, from)
	if err != nil {
		srv.releaseClient(identity, from)
		srv.faults.warn("upgrading a connection failed", err)
		return
	}
	if generation != srv.generation.Load() && srv.opts.Reauth.Keeper != nil {
		s.requestCheck() // access has changed since, and Recheck may have missed s
	}
}

// unfit says what is wrong with a request, whoever sent it; status is 0 for nothing. A
// probe need not be a handshake.
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

// RefuseHost answers a request, for any path, that was sent to a host name that is not
// served.
func (srv *Server) RefuseHost(w http.ResponseWriter, why string) {
	srv.m.refusal(reasonHost)
	http.Error(w, reasonHost+": "+why, http.StatusForbidden)
}

// RefuseProxy answers a request, for any path, that came through a proxy although only
// direct clients are served.
func (srv *Server) RefuseProxy(w http.ResponseWriter, r *http.Request, why string) {
	if len(r.Header.Values("Upgrade")) > 0 {
		srv.reject(w, http.StatusUnauthorized, reasonProxy, why)
		return
	}
	srv.m.refusal(reasonProxy)
	respond(w, http.StatusUnauthorized, reasonProxy, why)
}

// reject refuses an upgrade, and counts the refusal.
func (srv *Server) reject(w http.ResponseWriter, status int, reason, why string) {
	srv.m.rejected(status, reason)
	respond(w, status, reason, why)
}

// respond refuses a request, and says why.
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

// isHandshake checks what gws would refuse during the upgrade, when it is too late for a
// proper answer (RFC 6455, section 4.2.1).
func isHandshake(r *http.Request) bool {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	return r.Method == http.MethodGet && r.ProtoAtLeast(1, 1) &&
		headerHas(r.Header, "Connection", func(v string) bool { return strings.EqualFold(v, "upgrade") }) &&
		headerHas(r.Header, "Upgrade", func(v string) bool { return strings.EqualFold(v, "websocket") }) &&
		err == nil && len(key) == 16
}

// headerHas reports whether match is true for an element of a header, whose values are
// lists.
func headerHas(h http.Header, name string, match func(string) bool) bool {
	elements := strings.Split(strings.Join(h.Values(name), ","), ",")
	return slices.ContainsFunc(elements, func(v string) bool { return match(strings.TrimSpace(v)) })
}

// allowedOrigin reports whether a request comes from no page (it has no Origin), from a
// page of the same origin, or from a page of an allowed origin.
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

// upgrade takes the connection from the HTTP server, has gws do the handshake, and starts
// the session's reader.
func (srv *Server) upgrade(w http.ResponseWriter, r *http.Request, identity any, from addrKey) (*session, error) {
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
	s.addr, sock.client = from, identity
	s.setIdentity(identity)
	s.push(sock.answer)
	sock.answer = nil
	s.reply(codec.AppendWelcome(nil, srv.opts.InstanceID, int(srv.opts.Heartbeat.Milliseconds()), time.Now().UnixMilli()))
	srv.sessions.Store(s.id, s)
	srv.joined.Add(1)
	srv.readers.Add(1)
	go s.reader()()
	if srv.draining.Load() { // Drain may have listed the sessions before this one came
		s.close(goingAway, "going away")
	}
	return s, nil
}

// newSession makes the session of a connection whose handshake is done.
func (srv *Server) newSession(sock *socket, ws *gws.Conn, batch, deflate bool) *session {
	s := &session{srv: srv, sock: sock, ws: ws, id: srv.lastID.Add(1), flushed: make(chan struct{})}
	sock.sess, s.fd.fd = s, sock.descriptor()
	if err := sock.limitUnsent(srv.opts.NotsentLowat); err != nil {
		// Slow clients get older positions, no more.
		srv.faults.warn("the options of a socket could not be set", err)
	}
	s.conn = srv.core.NewConn(int(s.id%uint64(srv.opts.Writers)), batch, s)
	if deflate {
		sock.frames.deflate = true
		s.conn.AcceptDeflate()
	}
	return s
}
