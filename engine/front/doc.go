// Package front is the public HTTP listener. Every request of a spectator
// enters here, before the live server or the page sees it:
//
//	TCP            the live server's limits on connections (live.Server.PaceListener)
//	PROXY protocol the client's own address, from proxies that are trusted
//	TLS            HTTP/1.1 only, with a certificate that is read again when it changes
//	every request  the limit of requests, Strict-Transport-Security, CORS, then the check of Host
//	routes         /live for WebSockets, the page and its list of events for the rest
//
// New opens the port, Serve serves until Shutdown. Listing keeps the list of
// events up to date outside the requests.
//
// # Goroutines
//
// net/http runs one goroutine per connection, and the handlers on any of them. Serve
// blocks its caller. Shutdown and Addr may be called from any goroutine.
//
// # Caveats
//
// net/http hands a connection over when it upgrades. Shutdown neither waits for such
// a connection nor closes it: the live server's drain does, and has to come first.
package front
