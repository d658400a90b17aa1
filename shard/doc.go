// Package shard is the fan-out: it takes decoded positions and puts each one,
// encoded once, into the queue of every connection that watches an event of
// the device. It does no I/O and knows nothing of where positions come from or
// where bytes go.
//
// # The way of a position
//
// These ten functions are what the bytes of a position pass on their way from the
// stream's reader to write(2). Each calls the next one, except at two gaps. What was
// taken in is pending until a turn finds the flush of its topic due. What was pushed
// is in the ring of its connection until a writer takes it out.
//
//	on the goroutine of the reader:
//	  Core.Deliver       deliver.go      runs a turn itself, or fills the shard's inbox
//
//	on the goroutine that owns the shard's turn:
//	  worker.turn        deliver.go      takes in each position, then seals what is due
//	  worker.addPending  take_in.go      appends a position to the pending bytes of its topics
//
//	  worker.seal        broadcast.go    makes one immutable Chunk of a topic's pending bytes
//	  worker.broadcast   broadcast.go    to all subscribers at once, or to a slice per turn
//	  worker.push        broadcast.go    to each subscriber of the slice
//	  worker.pushTo      broadcast.go    to one: Conn.offer, which is ring.Ring.Push with a bound
//
//	on the goroutine of the writer, in package live:
//	  writer.run         writer.go       each connection of its run queue
//	  writer.turn        writer.go       takes chunks out of the ring, and releases what is written
//	  writer.write       writer.go       write(2)
//
// The owner of the turn is the shard's own goroutine (worker.run). While that sleeps,
// a reader that brings few positions owns the turn instead, since a turn costs less
// than waking a goroutine.
//
// The other functions that they call are not needed to follow the way.
// takeIn (take_in.go) applies the order rule and encodes the position once;
// fill (live/outbox.go) lists what to write. At the end of a seal and of a turn,
// worker.splice hands the connections that were pushed to over to their writers
// (runqueue.go). If subscribers have agreed on compression, seal calls compressed
// (deflate.go) and broadcasts the result to them. A broadcast in slices is pushed by
// continueBroadcast in the turns after the seal.
//
// The writers are the caller's. A writer takes an Active off its run queue, calls Take
// until the ring is empty, writes everything with one system call, and calls Release
// for each chunk. That returns the memory to the shard (chunk_refs.go, pool.go).
//
// A device belongs to one shard, chosen by its id (ShardOf). Bytes are encoded
// once per topic and encoding (pending.go) and compressed once per topic and flush
// (deflate.go). When a topic is due is agreed among its shards (flush_schedule.go).
//
// The devices of an event are in an immutable Snapshot. Swap replaces it whole, by an
// atomic.Pointer. Each shard loads it once per batch and applies the differences, which
// are computed once for all shards.
//
// # Goroutines
//
// Whoever owns a shard's turn owns its devices and its topic shards: no locks. What
// crosses goroutines is listed here, each in a small file with its memory-ordering
// argument:
//
//   - turn_ownership.go: who owns the turn, readers or the shard's own goroutine
//   - shard/ring: the queue of a connection, from many shards to one writer
//   - conn_bound.go: the bound of that queue
//   - conn.go: idle/queued/parked, open/lagged
//   - runqueue.go: connections with something to send, from shards to writers
//   - inbox.go: commands, from sessions and writers to shards
//   - flush_schedule.go: the moment at which the shards of a topic seal next
//   - history.go, reached.go: how far a shard has come and back, to the server
//   - chunk_refs.go, pool.go: the memory of chunks, from writers back to shards
//
// Throughout, w is a worker (a shard), p a topicShard, d a device, n its membership in a
// topic, s a sub, ch a Chunk, r a record of the stream (codec.Position) and o a command.
//
// # Turns
//
// A turn takes in a batch and commands, and seals what is due. Whatever is large
// is cut into slices of a fraction of a millisecond, one to a turn, so that no
// topic waits long for another:
//
//   - a broadcast to more connections than a slice has (broadcast.go). A subscription
//     that has not had the broadcast yet gets it before a command about it is carried out
//   - a new map (snapshot_update.go)
//   - a large snapshot, or a large part that a subscriber has missed (build.go). Only
//     those who need it wait (waiter.go)
//   - the compression of a large flush (live_compression.go)
//   - the release of the values that a seal has replaced (replaced.go)
//
// Every subscriber is sent the state of a topic shard at its last seal, never a newer
// one.
//
// # What holds
//
// A spectator never sees a device go back in time, except in a corrected frame
// or after the device was removed. A snapshot and the live frames after it leave
// no gap, since both are produced in turns of one shard.
//
// A connection whose queue stays at its bound from one flush to the next loses the
// live part of it. When its socket has drained, it gets what changed since, and all
// of that before another recovery begins: it is late, never stale, and costs the
// others nothing. Joins and leaves are remembered up to a bound in bytes. A
// connection that has lost more of them gets a subscribed frame and whole snapshots
// again (renew.go).
//
// A client that comes back with the state of a moment, also from another instance, gets
// what has changed since then: positions, joins and leaves, corrections. Each topic shard
// knows what its last update was when a second began (history.go). What it cannot prove,
// it does not resume (resume.go).
//
// The device's own time identifies the position that is shown, and its row in the
// table. A correction names rows. If the position that is shown is one of them, the
// device goes back to its last good position. None of the named rows is shown until a
// later correction does not name it (bans.go).
//
// Watch, Unwatch and Swap read and change the map in force under one lock.
//
// A position is shown under the device's own time while that is credible, and
// otherwise under its arrival, always later than what is shown (live_time.go,
// fallen.go). A device beyond its limit is shown at the rate of the limit
// (limit.go).
//
// # Caveats
//
// Deliver blocks while a shard's inbox is full: that is the back-pressure on
// the reader. Everything else never blocks. The strings of a Batch are borrowed
// until the shard has taken them in. A Chunk must not be looked at after
// Consumer.Release.
package shard
