// Package access decides who may connect and who may watch. The live server calls it
// before every upgrade, at every subscribe, and again while a session lasts. It
// implements interfaces of package live. No position passes through it.
//
// Guard makes the decisions. It is used even if everybody may watch everything, because
// it keeps events with a delay closed. README.md explains the rules to operators.
//
//	token.go     where a request carries its token
//	jwt.go       AUTH_MODE=jwt: signatures and claims; keys.go, jwks.go: the keys
//	platform.go  AUTH_MODE=http and AUTHZ_MODE=http: requests to the platform
//	decide.go    AUTHZ_MODE: public, claims, sql, http
//	session.go   rechecks and renewals of sessions
//	lists.go     public events, delayed events and revoked tokens from the database;
//	             refresh.go keeps them up to date
//	link.go      share links: tokens for one event, signed here; slots.go counts their
//	             connections
//	explain.go   what a token is, and why it is refused; issue.go signs user tokens. Both
//	             are for commands and decide by the code above
//	verified.go  a valid token is verified once; at most half of the processors verify
//	cache.go     short-lived answers, one request at a time per key
//
// # Goroutines
//
// Guard.Run refreshes keys and lists until its context ends, and waits for every
// goroutine that it has started. Any goroutine may call the other methods; the HTTP
// server and the authorization workers of live do. They may block on the platform or
// the database, each for at most Options.Timeout, so the fan-out path never calls them.
// Decide and ConfirmKey do not block, and neither does Confirm if ConfirmKey is "". New
// connections, requests of connected clients and rechecks of sessions have separate
// connection pools to the platform (client.go).
//
// # Caveats
//
// The public listener and live check the source of a request (Origin, Host, headers of
// a proxy) before they call this package.
//
// An error never allows anything. Tokens, cookies and URLs of the platform appear in no
// error and no log line. Cache keys are keyed hashes, so that a memory dump shows no
// token that is not in use.
//
// If the lists cannot be read, the last ones stay in force: revocations and delays
// without limit, public events for Options.Grace. After a key is removed from a JWKS,
// sessions that were opened with its tokens last until the tokens expire.
package access
