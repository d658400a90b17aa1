// Package front is the public HTTP listener. Every request of a spectator passes
// through it, in this order:
//
//	TCP            the live server's limits on connections (live.Server.PaceListener)
//	PROXY protocol the client's own address, from trusted proxies
//	TLS            HTTP/1.1 only, with a certificate that is read again when it changes
//	every request  Strict-Transport-Security, the request limit, CORS, the check of Host
//	routes         /live for WebSockets; the page and its list of events for all else
//
// New opens the port. Serve serves until Shutdown. Listing keeps the list of events
// up to date, so that no request has to make it.
//
// # Goroutines
//
// net/http runs one goroutine per connection, and calls the handlers there. Serve
// blocks its caller. Any goroutine may call Shutdown and Addr.
//
// # Caveats
//
// After an upgrade net/http no longer manages a connection: Shutdown neither closes it
// nor waits for it. The live server's drain does both, and must run first.
package front
