// Package access decides who may connect and who may watch. The live server asks
// it before every upgrade, at every subscribe, and again while a session lasts. It
// implements the interfaces that live owns. No position passes through it.
//
// Guard decides. It is used even where everybody may watch everything, because it
// closes events with a delay. Anonymous is for test harnesses. README.md explains
// the rules to operators.
//
//	token.go     where a request carries its token
//	jwt.go       AUTH_MODE=jwt: signatures and claims; keys.go, jwks.go: the keys
//	platform.go  AUTH_MODE=http and AUTHZ_MODE=http: the platform is asked
//	decide.go    AUTHZ_MODE: public, claims, sql, http, or any of them
//	lists.go     public and delayed events and revoked tokens, as the database
//	             has them
//	link.go      share links: tokens of our own for one event; slots.go counts
//	             their connections
//	verified.go  a good token is verified once; at most half of the processors verify
//	cache.go     short-lived answers, one request at a time per key
//
// # Goroutines
//
// Guard.Run refreshes keys and lists until its context ends, and waits for every
// goroutine it has started. Any goroutine may call the other methods: those of the
// HTTP server do, and the authorization workers of live. They may wait for the
// platform or the database, each for at most Options.Timeout, so the fan-out path
// never calls them. Decide and ConfirmKey do not wait. Confirm does not wait where
// ConfirmKey is "". New connections, requests of connected clients and rechecks of
// sessions have separate connection pools to the platform (client.go).
//
// # Caveats
//
// The public listener and live check where a request comes from (Origin, Host,
// headers of a proxy) before they call this package.
//
// An error is never a yes. Tokens, cookies and the URLs of the platform appear in
// no error and no log line. Cache keys are keyed hashes, so a memory dump shows no
// token that is not in use.
//
// If the lists cannot be read, the last ones stay in force: revocations and delays
// without limit, public events for Options.Grace. When a key is removed from a
// JWKS, sessions opened with its tokens last until the tokens expire.
package access
