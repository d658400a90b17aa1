// Package redis is the only package that imports the Redis client library and
// builds commands. Feed, archive, access and embedded use its types.
//
// A position enters Pitwall here: [Reader.Read] reads a batch from a stream through
// a consumer group and returns it as [Entry] values. Their strings alias the memory
// of the reply. Nothing is copied and no map is built per record; the strings stay
// valid for as long as somebody holds them.
//
// # Reading order
//
//   - id.go, entry.go: what a stream holds
//   - url.go, client.go, loading.go: from REDIS_URL to a connected [Client]
//   - commands.go, errors.go: how every command is run, and what its error says
//   - read.go, reader.go: one XREADGROUP, and the [Reader] that repeats it
//   - reply_limits.go, adaptive_count.go, large_entries.go: replies that are slow
//     or too large
//   - close_named.go: closing the connections of another process
//   - stream.go, group.go, consumers.go, state.go, age.go: commands on streams and
//     their groups
//   - lease.go, connection_slots.go, dead_letters.go: leases, connection slots and
//     dead letters; scripts.go lists all Lua scripts
//   - rights.go: what the login may do
//   - cluster.go, node.go, route.go: Redis Cluster; nothing above needs them on a
//     single server
//
// # Goroutines
//
// Open and the methods start no goroutine that they do not wait for. The library
// runs two per connection, which end with [Client.Close]. Any number of goroutines
// may use a [Client], but only one at a time may use a [Reader].
//
// # Cluster
//
// A [Client] finds out by itself whether its server is a node of a Redis Cluster.
// Each command then goes to the node that owns the slot of its key. The client
// follows redirections. Where a slot is not served at the moment, it waits until
// the deadline of the command. Commands without a key go to the owner of the key
// that they are about.
//
// A [Reader] has a connection to the owner of its stream. When the stream moves,
// the command fails as if the connection were lost, and the next one goes to the
// new owner. [Client.ColocatedKey] and [Client.DeadKey] name keys in the slot of a
// stream.
//
// # Caveats
//
//   - A blocking read has a connection of its own and a deadline a little after its
//     BLOCK time. The deadline grows while the reply arrives, within limits
//     (reply_limits.go). After the deadline the connection is closed: the library
//     has no such deadline and sends no pings meanwhile.
//   - Entries may be as long as the server allows. An entry beyond [MaxEntry] is
//     skipped where it cannot be read. Queries about a stream transfer no entries.
//   - At maxmemory the server refuses commands that take memory, among them MULTI
//     and the creation of groups. Reading, acknowledging, leases and queries work.
//   - When a reply is lost with its connection, the consumer group has still moved
//     past its entries. A caller that reads without acknowledgement sets the group
//     back ([Reader.Place]) after every failed read. Before that, [Reader.Fence]
//     makes sure that the failed read cannot be served late.
//   - Nothing is retried here except redirected commands, which were not run.
//     Callers retry with their own back-off.
//   - The servers are Redis 7.0 or later, Valkey, and the embedded server, which
//     lacks some commands (XGROUP SETID, CLIENT KILL) and numbers (entries-read,
//     lag, idle times). One conformance suite runs every method against a single
//     server, a Cluster, and the embedded server.
//   - No error and no log line contains the URL, since it may hold a password.
package redis
