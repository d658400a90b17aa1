// Package eventmap keeps the shards' map from devices to events up to date with
// the database. Positions do not pass through it: the shards look devices up in
// the immutable shard.Snapshot of the last refresh.
//
// Map reads the whole roster from its Source and passes it to its Target: the
// core, which builds the Snapshot and makes every shard use it. It does so every
// Options.Every, and at once when the database notifies. If a refresh fails, the
// current map stays, because a stale map is better than none.
//
// # Goroutines
//
// Run has one goroutine that refreshes and one that listens, and returns when
// both have ended. The engine calls Refresh once before Run. Refresh and Run must
// not run at the same time.
//
// # Caveats
//
// A notification says that something changed, not what, so the whole roster is
// read. The first notification causes a refresh at once. All notifications that
// arrive during a refresh, or in the gap after it, cause one more refresh
// together. The gap is nine times the duration of the refresh: at least 100 ms,
// at most 10 s or the interval. An empty roster is valid; only an error keeps the
// previous map.
package eventmap
