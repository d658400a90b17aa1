// Package redis is the one door to Redis: the only package that imports the
// client library, and the only one that knows how a command is spelled. The
// rooms feed, archive and embedded see the types of this package.
//
// On the way of a position it is the first step: [Reader.Read] takes a batch
// off a stream through a consumer group and returns it as [Entry] values whose
// strings alias the memory of the reply. Nothing is copied and no map is built
// per record; the strings stay valid for as long as somebody holds them.
//
// Goroutines: Open and the methods start none that they do not wait for, apart
// from those of the library, two per connection, which end with [Client.Close].
// A [Client] may be used by any number of goroutines at once, a [Reader] by one.
//
// A [Client] finds out by itself whether its server is a node of a Redis Cluster.
// Each command then goes to the node that owns the slot of its key: where nodes
// redirect it, the client follows, and where a slot is not served just now, it
// waits within the time that a command has. Commands without a key are asked of
// the owner of the key they are about. A [Reader] has a connection to the owner
// of its stream; when that moves, the command fails like one whose connection was
// lost, and the next one goes where the stream is. [Client.Beside] and
// [Client.DeadKey] name keys that are where a stream is.
//
// Caveats:
//   - A blocking read has a connection to itself and a deadline a little beyond
//     its BLOCK time, which grows while the reply comes, within bounds (link).
//     After it the connection is closed: the library has no such deadline, and
//     sends no ping meanwhile.
//   - Entries may be as long as the server lets them be. What only asks about a
//     stream leaves them on the server; MaxEntry is where one counts as too large.
//   - At maxmemory the server refuses what takes memory, MULTI and the creation of
//     groups among it. Reading, acknowledging, leases and questions still work.
//   - A reply that is lost with its connection has moved the consumer group all
//     the same. Who reads without acknowledgement sets the group back
//     ([Reader.Place]) after every failed read; Reader first makes sure that
//     the read which was given up cannot be served late.
//   - Nothing is retried here but what a Cluster has redirected, which it did not
//     run. The loops of the callers decide, with a back-off.
//   - Redis 7.0 or later, Valkey, and the embedded server, which lacks some
//     commands (XGROUP SETID, CLIENT KILL) and figures (entries-read, lag, idle
//     times). One conformance suite runs every method against a server of its
//     own, a Cluster, and the embedded one.
//   - No error and no log line carries the URL, since it may hold a password.
package redis
