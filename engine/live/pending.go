package live

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// pending counts the connections of the HTTP server that have not upgraded:
// those in the TLS handshake, those that send their header slowly, those that
// send nothing at all.
type pending struct {
	mu  sync.Mutex
	all int
	by  map[client]int
}

// ConnState is the hook of that name of the http.Server that serves the
// Server. A connection too many is closed without a word, before anything is
// read of it.
func (srv *Server) ConnState(c net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if reason := srv.pending.add(srv.peer(c), srv.opts.Limits); reason != "" {
			srv.m.refusal(reason)
			_ = c.Close()
		}
	case http.StateHijacked, http.StateClosed:
		srv.pending.remove(srv.peer(c))
	}
}

// peer is the other end of a connection, nobody when it is a trusted proxy's:
// whom it speaks for is not known yet, and must not be waited for here.
func (srv *Server) peer(c net.Conn) client {
	for inner := c; inner != nil; {
		c = inner
		switch w := c.(type) {
		case interface{ NetConn() net.Conn }: // TLS
			inner = w.NetConn()
		case interface{ Raw() net.Conn }: // PROXY protocol
			inner = w.Raw()
		default:
			inner = nil
		}
	}
	ap, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil || within(ap.Addr().Unmap(), srv.opts.Limits.TrustedProxies) {
		return client{}
	}
	return clientAt(ap.Addr())
}

// add counts a connection in any case: whoever closes it takes it off again.
func (p *pending) add(from client, o Limits) (reason string) {
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
	return ""
}

func (p *pending) remove(from client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.by[from]--; p.by[from] == 0 {
		delete(p.by, from)
	}
}
