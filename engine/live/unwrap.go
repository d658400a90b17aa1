package live

import "net"

// innermost returns the connection that all wrappers of c end in: TLS, the
// PROXY protocol, or both. Whatever concerns the socket itself (its options, the
// address of the other end) goes to this one.
func innermost(c net.Conn) net.Conn {
	for {
		var inner net.Conn
		switch w := c.(type) {
		case interface{ NetConn() net.Conn }: // TLS
			inner = w.NetConn()
		case interface{ Raw() net.Conn }: // PROXY protocol
			inner = w.Raw()
		}
		if inner == nil {
			return c
		}
		c = inner
	}
}
