package live

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// httpConns counts the connections of the HTTP server that have not upgraded: those in
// the TLS handshake, those that send their header slowly, those that send nothing at
// all. Any goroutine may use it.
type httpConns struct {
	mu     sync.Mutex
	all    int
	by     map[addrKey]int
	silent map[net.Conn]silence // those that have not sent a request
}

// silence is the time before the first request of a connection.
type silence struct {
	since time.Time
	ended time.Time // when the server first read something; zero before
}

// connKey is the context key of a request's connection.
type connKey struct{}

// TrackConnections has an http.Server count the connections that have not upgraded, and
// those that end without a request. Call it once, before Serve, after all other fields
// of h are set.
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

// connState is the server's hook of that name. It closes a connection beyond a limit
// without an answer, before anything is read from it.
func (srv *Server) connState(c net.Conn, state http.ConnState, timeout time.Duration) {
	reason := ""
	switch state {
	case http.StateNew:
		if reason = srv.httpConns.add(srv.limits(), c, srv.peer(c)); reason != "" {
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

// peer is the address of the other end of a connection. It is the zero value for a
// trusted proxy, whose client is not known before the request.
func (srv *Server) peer(c net.Conn) addrKey {
	ap, err := netip.ParseAddrPort(innermost(c).RemoteAddr().String())
	if err != nil || within(ap.Addr().Unmap(), srv.opts.TrustedProxies) {
		return addrKey{}
	}
	return addrKeyOf(ap.Addr())
}

// add counts a connection, also one that it refuses: remove follows when that is closed.
func (h *httpConns) add(o *Limits, c net.Conn, from addrKey) (reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all++
	h.by[from]++
	if limit := o.PendingPerAddress.of(from); limit > 0 && h.by[from] > limit {
		return reasonPendingOf
	}
	if o.Pending > 0 && h.all > o.Pending {
		return reasonPending
	}
	h.silent[c] = silence{since: time.Now()}
	return ""
}

// received notes that the HTTP server has read something from a connection: a request,
// or something that it will answer with an error.
func (h *httpConns) received(c net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s, ok := h.silent[c]; ok {
		h.silent[c] = silence{s.since, time.Now()}
	}
}

// requested notes that a connection has sent a request.
func (h *httpConns) requested(c net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.silent, c)
}

// remove uncounts a connection. reason is not "" if the connection has ended without a
// request: it timed out, or it sent something else (the HTTP server answers that with
// 431 or 400, and has no hook for it). A client that has left without sending anything
// is no refusal.
func (h *httpConns) remove(c net.Conn, from addrKey, timeout time.Duration) (reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all--
	if h.by[from]--; h.by[from] == 0 {
		delete(h.by, from)
	}
	s, silent := h.silent[c]
	delete(h.silent, c)
	sent := !s.ended.IsZero()
	if !sent {
		s.ended = time.Now()
	}
	switch {
	case silent && timeout > 0 && s.ended.Sub(s.since) >= timeout:
		return reasonTimeout
	case silent && sent:
		return reasonRequest
	}
	return ""
}
