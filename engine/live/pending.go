package live

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// pending counts the connections of the HTTP server that have not upgraded:
// those in the TLS handshake, those that send their header slowly, those that
// send nothing at all.
type pending struct {
	mu     sync.Mutex
	all    int
	by     map[client]int
	silent map[net.Conn]silence // those of which no request has come yet
}

// silence is a connection of which no request has come.
type silence struct {
	since time.Time
	ended time.Time // when what had come was judged; zero while nothing has
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

// Attend has an http.Server count the connections that have not upgraded, and
// those that end without a request. Call it once, before Serve, with all other
// fields set.
func (srv *Server) Attend(h *http.Server) {
	next := h.Handler
	h.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, c)
	}
	h.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(net.Conn); ok {
			srv.pending.asked(c)
		}
		next.ServeHTTP(w, r)
	})
	h.ConnState = func(c net.Conn, state http.ConnState) { srv.connState(c, state, h.ReadHeaderTimeout) }
}

// connState is the hook of that name. A connection too many is closed without
// a word, before anything is read of it.
func (srv *Server) connState(c net.Conn, state http.ConnState, timeout time.Duration) {
	reason := ""
	switch state {
	case http.StateNew:
		if reason = srv.pending.add(c, srv.peer(c), srv.opts.Limits); reason != "" {
			_ = c.Close()
		}
	case http.StateActive:
		srv.pending.judged(c)
	case http.StateHijacked, http.StateClosed:
		reason = srv.pending.remove(c, srv.peer(c), timeout)
	}
	if reason != "" {
		srv.m.refusal(reason)
	}
}

// peer is the other end of a connection, nobody when it is a trusted proxy's:
// whom it speaks for is not known yet, and must not be waited for here.
func (srv *Server) peer(c net.Conn) client {
	ap, err := netip.ParseAddrPort(innermost(c).RemoteAddr().String())
	if err != nil || within(ap.Addr().Unmap(), srv.opts.Limits.TrustedProxies) {
		return client{}
	}
	return clientAt(ap.Addr())
}

// add counts a connection in any case: whoever closes it takes it off again.
func (p *pending) add(c net.Conn, from client, o Limits) (reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all++
	p.by[from]++
	if most := o.PendingPerAddress.of(from); most > 0 && p.by[from] > most {
		return reasonPendingOf
	}
	if o.Pending > 0 && p.all > o.Pending {
		return reasonPending
	}
	p.silent[c] = silence{since: time.Now()}
	return ""
}

// judged notes that the HTTP server has read of a connection: a request, or
// something that it is about to answer with an error.
func (p *pending) judged(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := p.silent[c]; ok {
		p.silent[c] = silence{s.since, time.Now()}
	}
}

// asked notes that a request has come of a connection.
func (p *pending) asked(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.silent, c)
}

// remove takes a connection off. The reason is not empty when it has ended
// without a request: its time was up, or what it sent was none (the HTTP
// server answers 431 or 400, and tells nobody). Who has left without a word is
// no case of that.
func (p *pending) remove(c net.Conn, from client, timeout time.Duration) (reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.by[from]--; p.by[from] == 0 {
		delete(p.by, from)
	}
	s, ok := p.silent[c]
	delete(p.silent, c)
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
