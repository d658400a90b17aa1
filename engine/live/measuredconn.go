package live

import (
	"net"
	"sync/atomic"
)

// MeasureReads returns a listener for tls.NewListener. Its connections note how
// large the buffer is that TLS reads into. That grows to the longest record that the
// client sends, and stays so. Put it directly below TLS: the server looks there.
func MeasureReads(l net.Listener) net.Listener { return measuringListener{l} }

// measuringListener is what MeasureReads returns.
type measuringListener struct{ net.Listener }

// Accept implements net.Listener.
func (l measuringListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &measuredConn{Conn: c}, nil
}

// measuredConn notes the longest read. Any goroutine may read room.
type measuredConn struct {
	net.Conn
	room atomic.Int64 // bytes
}

// NetConn returns the connection that is wrapped.
func (c *measuredConn) NetConn() net.Conn { return c.Conn }

// Read implements net.Conn. One goroutine at a time calls it.
func (c *measuredConn) Read(p []byte) (int, error) {
	if n := int64(len(p)); n > c.room.Load() {
		c.room.Store(n)
	}
	return c.Conn.Read(p)
}

// measuredConnOf returns what notes the read buffer of a TLS connection; nil when c
// is none, or its listener was not measured.
func measuredConnOf(c net.Conn) *measuredConn {
	if secure, ok := c.(interface{ NetConn() net.Conn }); ok {
		m, _ := secure.NetConn().(*measuredConn)
		return m
	}
	return nil
}
