package live

import (
	"net"
	"sync/atomic"
)

// MeasureReads returns a listener whose connections measure the buffer that TLS reads
// into. It grows to the longest record that the client sends, and does not shrink. Pass
// it to tls.NewListener directly: the server looks for it there.
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

// measuredConn measures the longest buffer that was read into. Any goroutine may load
// room.
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

// measuredConnOf returns what measures the read buffer of a TLS connection. It is nil if
// c is not TLS, or its listener is not from MeasureReads.
func measuredConnOf(c net.Conn) *measuredConn {
	if secure, ok := c.(interface{ NetConn() net.Conn }); ok {
		m, _ := secure.NetConn().(*measuredConn)
		return m
	}
	return nil
}
