// Package shard is the fan-out: it takes decoded positions and puts each one,
// encoded once, into the queue of every connection that watches an event of
// the device. It does no I/O and knows nothing of where positions come from or
// where bytes go.
//
// # On the way of a position
//
//	feed -> Deliver -> worker shard -> pending bytes -> chunk -> ring -> writer
//
// A device belongs to one shard, chosen by its id (ShardOf). The shard applies
// the order rule, keeps the device's last value, and for each topic of the
// device appends the encoded frame to the topic's pending bytes. At the topic's
// next instant it seals them into an immutable Chunk and pushes one pointer
// into the ring of each subscriber. For those who have agreed on compression
// there is a second chunk, compressed once (deflate.go). A writer, which is the
// caller's, takes the chunks of a connection and writes them with one system
// call.
//
// Which events a device takes part in stands in an immutable Snapshot behind
// an atomic.Pointer. Swap replaces it whole; each shard loads it once per batch
// and takes over the differences, which were worked out once.
//
// # Goroutines
//
// Run has one goroutine per shard, the owner of its devices and of its part of
// every topic: no locks. While that sleeps, a reader who brings few positions
// takes its place for a turn, which costs less than to wake it. What crosses
// goroutines is listed here, each in a small file with its memory-ordering
// argument:
//
//   - turn_ownership.go: whose turn it is, readers and the shard's own goroutine
//   - shard/ring: the queue of a connection, many shards to one writer
//   - conn.go: the bound of that queue, and idle/queued/parked, open/lagged
//   - runqueue.go: connections with something to send, shards to writer
//   - inbox.go: commands, sessions and writers to shards
//   - instant.go: the moment at which a topic's shards seal
//   - chunk_refs.go, pool.go: the memory of chunks, from writers back to shards
//
// # Turns
//
// A shard works in turns: a batch, commands, what is due. A push to more
// connections than a slice (subscribers.go) is spread over turns, so that an event
// with 100,000 subscribers delays nobody else's by more than a fraction of a
// millisecond; a command about a subscription that has still to be pushed to
// does so first. A new map is taken over in slices as well (adopt.go). A body that
// is large, a snapshot or what somebody has missed, is built and compressed in
// slices while those who get it wait (build.go, waiter.go), and so is a large flush
// compressed (live_compression.go).
// Everything sent is the state of a topic's part at its last seal, whoever gets
// it.
//
// # What holds
//
// A spectator never sees a device go back in time, except in a corrected frame
// or after the device was removed. A snapshot and the live frames after it leave
// no gap, for both are produced in turns of one shard. A connection whose queue
// stays at its bound from one flush to the next loses what is live in it. It gets,
// when its socket has drained, what changed since, all of it before the next such
// recovery: it is late, never stale, and costs the others nothing. Joins and
// leaves are remembered up to a bound in bytes. A connection that has lost more
// than those gets a subscribed frame and whole snapshots again (renew.go).
//
// What is shown of a device is named by the device's own time, as its row in the
// table is. A correction names rows: it takes a device back when what is shown is
// one of them, and none of them is shown until a later correction leaves it out
// (bans.go).
//
// What is decided by the map in force is done under the same lock as the change
// of the map: Watch, Unwatch and Swap.
//
// A position is shown under the device's own time while that can be believed, and
// otherwise under its arrival, always later than what is shown (livetime.go,
// fallen.go). A device beyond its limit is shown at the rate of the limit
// (limit.go).
//
// # Caveats
//
// Deliver blocks while a shard's inbox is full: that is the back-pressure on
// the reader. Everything else never blocks. The strings of a Batch are borrowed
// until the shard has taken them in. A Chunk must not be looked at after
// Conn.Done.
package shard
