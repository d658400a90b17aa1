// Package eventmap keeps the map from devices to events, which the shards use,
// in step with the database. Positions do not pass through it: the shards look
// devices up in the immutable shard.Snapshot of the last refresh.
//
// Map reads the whole roster from its Source and hands it to its Target (the
// core, which builds the Snapshot, swaps it in and tells every shard). It does so
// every Options.Every, and at once when the database notifies. If a refresh
// fails, the map in force stays: a stale map is better than none.
//
// # Goroutines
//
// Run has one goroutine that refreshes and one that listens, and returns when
// both have ended. Whoever starts the engine calls Refresh once before Run, and
// not at the same time as Run.
//
// # Caveats
//
// A notification says that something changed, not what, so the roster is read
// whole. The first notification is followed by a refresh at once. Notifications
// that arrive during a refresh, or in the gap after it, cause one refresh
// together. The gap is nine times the duration of the refresh: at least 100 ms,
// at most 10 s or the interval. An empty roster is valid; only an error keeps the
// previous map.
package eventmap
