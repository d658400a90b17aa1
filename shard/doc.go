// Package shard is the fan-out: it takes decoded positions and puts each one,
// encoded once, into the queue of every connection that watches an event of
// the device. It does no I/O and knows nothing of where positions come from or
// where bytes go.
//
// # The way of a position
//
// Every function that a position goes through. Each calls the one below it, but for
// the gap: a turn first takes positions in, then flushes what is due, which may have
// been taken in by an earlier turn.
//
//	Core.Deliver      deliver.go    reader: runs a turn itself, or fills the inbox
//	worker.tryTurn    deliver.go    reader: becomes the owner of the turn, if it can
//	worker.turn       deliver.go    owner of the turn, from here on
//
//	worker.apply      apply.go      each position of the batch
//	worker.position   apply.go      order rule, clocks; encodes the position once
//	worker.setValue   apply.go      the device's last value; its limit
//	worker.update     apply.go      appends the bytes to one topic of the device
//
//	worker.flush      seal.go       each topic whose flush is due
//	worker.seal       seal.go       pending bytes become one immutable Chunk
//	worker.broadcast  broadcast.go  to a list of subscribers: all, or a slice per turn
//	worker.push       broadcast.go  each subscriber of the slice
//	worker.pushTo     broadcast.go  one subscriber: counts what it misses
//	Conn.offer        conn_bound.go the bound of one queue; then ring.Ring.Push
//
// What these call besides are primitives, which can be taken at their word here:
// turnOwnership, Batch's pool, the order rule (worker.applyOrderRule), pending.add,
// worker.schedule and its timer heap, the pools of chunks, ring.Ring. Where
// subscribers have agreed on compression, worker.broadcastCompressed (deflate.go) is
// between seal and broadcast. A slice after the first is pushed by
// worker.continueBroadcast in place of flush, seal and broadcast.
//
// In package live it goes on: writer.run, serve and turn (writer.go), session.fill
// (outbox.go), output.writeNow (output.go), which is write(2).
//
// The owner of the turn is the shard's own goroutine (worker.run). While that
// sleeps, a reader who brings few positions owns the turn instead, since a turn
// costs less than waking a goroutine. After each flush worker.splice hands the
// connections that were pushed to to their writers (runqueue.go). A writer, which
// is the caller's, takes an Active off its run queue, calls Take until the ring is
// empty, writes all of it with one system call, and calls Release for each chunk,
// which returns the memory to the shard (chunk_refs.go, pool.go).
//
// A device belongs to one shard, chosen by its id (ShardOf). Bytes are encoded
// once per topic and encoding (topic.go) and compressed once per topic and flush
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
//   - flush_schedule.go: the moment at which the shards of a topic seal
//   - chunk_refs.go, pool.go: the memory of chunks, from writers back to shards
//
// # Turns
//
// A turn takes in a batch and commands, and flushes what is due. Whatever is large
// is cut into slices of a fraction of a millisecond, one to a turn, so that no
// topic waits long for another:
//
//   - a broadcast to more connections than a slice has (broadcast.go). A command about
//     a subscription that is still owed the broadcast pushes it to that one first
//   - a new map (snapshot_update.go)
//   - a large snapshot, or a large part that a subscriber has missed. Only those who
//     need it wait (build.go, waiter.go)
//   - the compression of a large flush (live_compression.go)
//   - the release of the values that a seal has replaced (replaced.go)
//
// Everything sent is the state of a topic shard at its last seal, whoever gets it.
//
// # What holds
//
// A spectator never sees a device go back in time, except in a corrected frame
// or after the device was removed. A snapshot and the live frames after it leave
// no gap, since both are produced in turns of one shard.
//
// A connection whose queue stays at its bound from one flush to the next loses the
// live part of it. When its socket has drained, it gets what changed since, and all
// of that before the next such recovery: it is late, never stale, and costs the
// others nothing. Joins and leaves are remembered up to a bound in bytes. A
// connection that has lost more than those gets a subscribed frame and whole
// snapshots again (renew.go).
//
// What is shown of a device is named by the device's own time, as its row in the
// table is. A correction names rows. If what is shown is one of them, the device
// goes back to its last good position. None of the named rows is shown until a
// later correction leaves it out (bans.go).
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
