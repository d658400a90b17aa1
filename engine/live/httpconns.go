package live

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// httpConns counts the connections of the HTTP server that have not upgraded:
// those in the TLS handshake, those that send their header slowly, those that
// send nothing at all. Any goroutine may use it.
type httpConns struct {
	mu     sync.Mutex
	all    int
	by     map[addrKey]int
	silent map[net.Conn]silence // those of which no request has come yet
}

// silence is a connection of which no request has come.
type silence struct {
	since time.Time
	ended time.Time // when something had come; zero while nothing has
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

// TrackConnections has an http.Server count the connections that have not upgraded, and
// those that end without a request. Call it once, before Serve, with all other
// fields set.
func (srv *Server) TrackConnections(h *http.Server) {
	next := h.Handler
	h.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	h.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(net.Conn); ok {
			srv.httpConns.requested(c)
		}
		next.ServeHTTP(w, r)
	})
	h.ConnState = func(c net.Conn, state http.ConnState) { srv.connState(c, state, h.ReadHeaderTimeout) }
}

// connState is the hook of that name. A connection too many is closed without an
// answer, before anything is read of it.
func (srv *Server) connState(c net.Conn, state http.ConnState, timeout time.Duration) {
	reason := ""
	switch state {
	case http.StateNew:
		if reason = srv.httpConns.add(c, srv.peer(c), srv.opts.Limits); reason != "" {
			_ = c.Close()
		}
	case http.StateActive:
		srv.httpConns.received(c)
	case http.StateHijacked, http.StateClosed:
		reason = srv.httpConns.remove(c, srv.peer(c), timeout)
	}
	if reason != "" {
		srv.m.refusal(reason)
	}
}

// peer is the other end of a connection, the zero value when it is a trusted
// proxy's: whose connection it forwards is not known before its request.
func (srv *Server) peer(c net.Conn) addrKey {
	ap, err := netip.ParseAddrPort(innermost(c).RemoteAddr().String())
	if err != nil || within(ap.Addr().Unmap(), srv.opts.Limits.TrustedProxies) {
		return addrKey{}
	}
	return addrKeyOf(ap.Addr())
}

// add counts a connection, also one that is refused: it is taken off when it is closed.
func (h *httpConns) add(c net.Conn, from addrKey, o Limits) (reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all++
	h.by[from]++
	if most := o.PendingPerAddress.of(from); most > 0 && h.by[from] > most {
		return reasonPendingOf
	}
	if o.Pending > 0 && h.all > o.Pending {
		return reasonPending
	}
	h.silent[c] = silence{since: time.Now()}
	return ""
}

// received notes that the HTTP server has read of a connection: a request, or
// something that it is about to answer with an error.
func (h *httpConns) received(c net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s, ok := h.silent[c]; ok {
		h.silent[c] = silence{s.since, time.Now()}
	}
}

// requested notes that a request has come of a connection.
func (h *httpConns) requested(c net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.silent, c)
}

// remove takes a connection off. The reason is not empty when it has ended
// without a request: its time was up, or what it sent was none (the HTTP server
// answers 431 or 400, and has no hook for that). A client that has left without
// sending anything is not counted.
func (h *httpConns) remove(c net.Conn, from addrKey, timeout time.Duration) (reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all--
	if h.by[from]--; h.by[from] == 0 {
		delete(h.by, from)
	}
	s, ok := h.silent[c]
	delete(h.silent, c)
	began := !s.ended.IsZero()
	if !began {
		s.ended = time.Now()
	}
	switch {
	case ok && timeout > 0 && s.ended.Sub(s.since) >= timeout:
		return reasonTimeout
	case ok && began:
		return reasonRequest
	}
	return ""
}
