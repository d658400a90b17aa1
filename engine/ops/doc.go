// Package ops is the private listener of the process: metrics, health, readiness and
// profiles, for operators and monitoring. No position passes through it, except the last
// one of a device that an operator asks for.
//
//	GET /               a page that shows /top and updates itself
//	GET /metrics        Prometheus text: the engine's metrics, those of the shards,
//	                    the process and the Go runtime
//	GET /healthz        200 while the process answers
//	GET /readyz         200 when spectators may be sent here, otherwise 503 with the
//	                    reason; with ?verbose (text) or ?format=json also the state
//	                    of each part, since when, and why
//	GET /status         what the process does: parts, rates, lag, connections, topics
//	GET /top            the same, with the slowest connections and the devices in no event
//	GET /device?id=…    why a device shows or does not
//	GET /debug/pprof/   profiles of the process; mutex and block are recorded only
//	                    during a request with ?seconds=n, at most 300
//
// Requests that a page of another site causes get 403 (Sec-Fetch-Site, Origin). Such a
// page could start profiles, although it cannot read the answer.
//
// On a loopback address the listener answers only to that address and to localhost as
// Host, which protects it from pages whose name resolves to 127.0.0.1 (DNS rebinding).
// On any other address profiles are off by default. There the network or the bearer
// token has to restrict access. The token is required for everything but health and
// readiness without details.
//
// # Goroutines
//
// Listen opens the socket. Serve blocks its caller until another goroutine calls
// Shutdown, which cancels profiles and waits for the requests in progress until its
// context ends. Options.Ready, Options.Parts, Options.Instance and Options.Extra are called
// from many goroutines at once, Options.Activity, Options.Top and Options.Device by one at a time.
//
// # Caveats
//
// net/http/pprof also registers its handlers on http.DefaultServeMux, so no listener
// of Pitwall may serve that. The command line is not shown, because flags may hold
// passwords.
package ops
