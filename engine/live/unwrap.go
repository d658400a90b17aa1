package live

import "net"

// innermost returns the connection inside all wrappers of c, which are TLS, the PROXY
// protocol, or both. It has the socket, with its options and the address of the other
// end.
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
