// Package access decides who may connect and who may watch. The live server asks
// it before every upgrade, at every subscribe, and again while a session lasts. It
// implements the interfaces that live owns. No position passes through it.
//
// Guard decides. It is used where everybody may watch everything, too, since events
// with a delay are closed then. Anonymous is for harnesses. README.md explains the
// rules to operators.
//
//	token.go     where a request carries its token
//	jwt.go       AUTH_MODE=jwt: signatures and claims; keys.go, jwks.go: the keys
//	platform.go  AUTH_MODE=http and AUTHZ_MODE=http: the platform is asked
//	decide.go    AUTHZ_MODE: public, claims, sql, http, or any of them
//	lists.go     public and delayed events and revoked tokens, as the database
//	             has them
//	link.go      share links: tokens of our own for one event; slots.go counts
//	             their connections
//	verified.go  tokens are verified once, by half of the processors at most
//	cache.go     answers kept for a moment, one question at a time per key
//
// # Goroutines
//
// Guard.Run refreshes keys and lists until its context ends, and owns all that
// it starts. The other methods are called from many goroutines at once:
// those of the HTTP server and those that live asks on. They may wait for the
// platform or the database, each for Options.Timeout at most, and are never
// called on the way of a position. Decide and ConfirmKey do not wait, nor does
// Confirm where ConfirmKey is "". Strangers, those who are in, and questions about
// whether they may stay have connections to the platform of their own (client.go).
//
// # Caveats
//
// Where a request comes from (its origin, its host, the marks of a proxy) is
// judged by the public listener and by live, before access is asked.
//
// What cannot be decided is refused: an error is never a yes. Tokens, cookies
// and the URLs of the platform appear in no error and no log line. Keys of
// caches are keyed hashes, so that a dump of memory gives no token away that
// is not in use.
//
// Lists that cannot be read again stay in force: revocations and delays without
// an end, public events for Options.Grace. A token whose signing key has been taken
// out of a JWKS lasts until it expires, for the sessions that it has opened.
package access
