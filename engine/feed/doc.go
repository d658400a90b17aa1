// Package feed takes positions off Redis Streams and hands them to the shards:
// the first room on the way of a position.
//
// Each process reads the whole of every stream through a consumer group of its
// own, live-broadcast-{instance id}, with NOACK: nothing pends, so that a live
// process never holds a stream back. One reader per stream key takes a batch,
// decodes it, and hands each shard its part in one hand-off. A full shard makes
// its reader wait; the rest stays in Redis.
//
// The engine calls, in this order:
//
//	f := feed.New(options)
//	f.AcquireLease(ctx)  // nobody else lives under this instance id
//	go f.KeepLease(ctx)  // renews it, from here to the end
//	f.CreateGroups(ctx)  // the live groups, at the stream's last id T
//	                     // (map and table are loaded meanwhile)
//	f.Warm(ctx)          // last values from the stream, up to T
//	f.Run(ctx)           // everything after T, until ctx ends
//	f.Close(ctx)         // after Run and KeepLease have returned
//
// # What is promised
//
// Order: entries of a stream reach their shard in the stream's order. Nothing
// missing: after a failed read the group is set back to the last id that was
// batcher over, so that a reply lost with its connection is read again. Repeats
// are possible then, and fall to the order rule of the shards. What Redis itself
// loses, or trims before it was read, is gone.
//
// Alone: only the holder of the instance id's lease reads its group. Who takes
// the lease closes the connections that another reads on. After any failed read,
// and when the lease has run out by this machine's clocks, the lease is looked up
// before the group is touched, over the connection that is read on next. So a
// process that was suspended finds out that the id is another's.
//
// On a Cluster each stream has a lease of its own, in its slot: the reader looks up
// that one. A stream whose server is away stops no other.
//
// # Goroutines
//
// Run has two per stream, which read it and measure its lag, and one that keeps
// the house; KeepLease has its caller's, and on a Cluster one for each further
// stream. Both return when all of theirs have ended. Nothing is started elsewhere.
//
// # Caveats
//
// A read that does not come within its deadline, since its records are large or
// the link is narrow, is followed by one for half as many; so at the warm start.
//
// A record that does not decode is counted by its reason and skipped. Optional
// values that are wrong are left out of their positions and counted by field
// and reason. A time before the first one allowed counts as none. Faulty,
// late and repeated positions are the shards' business. A batch's strings alias
// the memory of the reply; the garbage collector frees it after the shards.
package feed
