// Package ops is the private side of the process: metrics, health, readiness
// and profiles, for operators and the machines that watch over Pitwall. No
// position passes through it.
//
//	GET /metrics        Prometheus text: the engine's own set, what the shard
//	                    core counts, the process and the Go runtime
//	GET /healthz        200 while the process answers at all
//	GET /readyz         200 when spectators may be sent here, 503 with the reason;
//	                    with ?verbose (text) or ?format=json each part: its
//	                    state, since when, and why
//	GET /debug/pprof/   profiles of the running process; mutex and block are
//	                    recorded only while asked for with ?seconds=n, which is
//	                    300 at most
//
// What the page of another site has a browser ask gets 403, by Sec-Fetch-Site and
// Origin: it could start profiles, although it reads no answer.
//
// It listens on loopback unless told otherwise, and there it answers only to its
// own address and to localhost: a page from elsewhere, whose name somebody has
// pointed at 127.0.0.1 (DNS rebinding), gets 403. On any other address profiles
// are off unless asked for, and who may connect is the network's business, or
// that of the bearer token, which everything but health and readiness without
// details wants.
//
// # Goroutines
//
// Listen opens the socket, Serve runs on the caller's goroutine until Shutdown
// (from another one), which ends profiles in the making and waits for requests
// within its context. Options.Ready, Options.Parts and Options.Extra are called
// from many goroutines at once.
//
// # Caveats
//
// net/http/pprof also registers itself on http.DefaultServeMux, which no
// listener of Pitwall may serve. The command line is not shown, since flags may
// hold passwords.
package ops
