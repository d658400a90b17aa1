package live

import (
	"net"
	"sync/atomic"
)

// Gauged returns a listener for tls.NewListener, whose connections note how large
// the buffer is that TLS reads into. It grows to the longest record that the
// client sends, and stays so.
func Gauged(l net.Listener) net.Listener { return gaugedListener{l} }

type gaugedListener struct{ net.Listener }

// Accept implements net.Listener.
func (l gaugedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &gauged{Conn: c}, nil
}

type gauged struct {
	net.Conn
	room atomic.Int64 // bytes
}

// NetConn returns the connection that is wrapped.
func (g *gauged) NetConn() net.Conn { return g.Conn }

// Read implements net.Conn. One goroutine at a time calls it.
func (g *gauged) Read(p []byte) (int, error) {
	if n := int64(len(p)); n > g.room.Load() {
		g.room.Store(n)
	}
	return g.Conn.Read(p)
}

// gaugeUnder returns what notes the read buffer of a TLS connection; nil when c
// is none, or has no gauge.
func gaugeUnder(c net.Conn) *gauged {
	if secure, ok := c.(interface{ NetConn() net.Conn }); ok {
		g, _ := secure.NetConn().(*gauged)
		return g
	}
	return nil
}
