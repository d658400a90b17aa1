// Package eventmap keeps the map device -> events of the shards in step with
// the database. A position passes it by: the shards look each device up in the
// immutable shard.Snapshot that the last refresh has put in force.
//
// Map reads the whole roster from its Source, hands it to its Target (the
// core, which builds the Snapshot, swaps it in and tells every shard), and
// does so again every Options.Every and at once when the database notifies.
// A refresh that fails changes nothing: a stale map beats an empty one.
//
// # Goroutines
//
// Run has one that refreshes and one that listens, and returns when both have
// ended. Refresh is called once before Run, by whoever starts the engine; not
// at the same time as Run.
//
// # Caveats
//
// A notification says that something changed, not what: the roster is read
// whole. The first is followed by a refresh at once. Those that come during a
// refresh, or in the gap after it, are taken together: the gap is nine times what
// the refresh took, at least 100 ms, at most 10 s or the interval. An empty
// roster is a valid one; only an error keeps the map before.
package eventmap
