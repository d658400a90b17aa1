// Package feed reads positions from Redis Streams and delivers them to the shards.
// It is the first step of a position.
//
// Each process reads the whole of every stream through a consumer group of its own,
// live-broadcast-{instance id}, with NOACK. Nothing is pending, so a live process
// never prevents a stream from being trimmed. A full shard blocks its reader; unread
// entries stay in Redis.
//
// The engine calls, in this order:
//
//	f := feed.New(options)
//	f.AcquireLease(ctx)  // no other process has this instance id
//	go f.KeepLease(ctx)  // renews the lease until the end
//	f.CreateGroups(ctx)  // the live groups, at the stream's last id T
//	                     // (map and table are loaded meanwhile)
//	f.Warm(ctx)          // last values from the stream, up to T
//	f.Run(ctx)           // everything after T, until ctx ends
//	f.Close(ctx)         // after Run and KeepLease have returned
//
// # From XREADGROUP to Deliver
//
// Run starts one goroutine per stream, which does all of the following:
//
//   - reader.loop (reader.go) repeats the steps below until ctx ends.
//   - reader.readNext checks that the lease is still held, and reads.
//   - redis.Reader.Read sends XREADGROUP and returns entries whose strings alias
//     the memory of the reply.
//   - clockDifference.observe (clock_difference.go) measures the clocks.
//   - batcher.decodeAndDeliver (batcher.go) decodes each entry with codec.Decoder
//     and appends it to the batch of its shard.
//   - Sink.Deliver (*shard.Core) takes each batch, one call per shard and read.
//   - reader.setPosition records the last id, from which a failed read resumes.
//
// A failed read goes to reader.restore, which backs off and calls reader.resume
// (resume.go) until the group is back in place.
//
// # Guarantees
//
// Order: entries of a stream reach their shard in the stream's order.
//
// No loss: after a failed read the group is set back to the last id that was
// delivered, so a reply that was lost with its connection is read again. That may
// repeat entries, which the order rule of the shards drops. Entries that Redis
// itself loses, or trims before they are read, are lost.
//
// One reader: only the holder of the instance id's lease reads its group. The
// process that takes the lease closes the connections of the previous holder. The
// lease is checked after any failed read, before the group is changed, and when it has
// expired by this machine's clocks. The check uses the connection of the next read.
// So a process that was suspended learns that another one has its id.
//
// On a Cluster each stream has a lease of its own, in the stream's slot, and its
// reader checks that one. A server that is away stops only the streams on it.
//
// # Goroutines
//
// Run starts two per stream, one that reads it and one that measures its lag, and one
// that reaps the groups of dead processes. KeepLease starts one, on a Cluster one per
// stream. Both return when all of theirs have ended. Nothing else starts a goroutine.
//
// # Caveats
//
// A read may fail at its deadline because its records are large or the network is
// slow. The next read asks for half as many entries. The warm start does the same.
//
// A record that does not decode is counted by its reason and skipped. Invalid
// optional values are left out of their positions and counted by field and reason.
// A time before the earliest one allowed counts as missing. The shards handle
// faulty, late and repeated positions. The strings of a batch alias the memory of
// the reply, which the garbage collector frees after the shards.
package feed
