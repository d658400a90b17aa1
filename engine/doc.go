// Package engine puts the rooms together: it is what cmd/pitwall runs, and what
// tests and the bench start. A position enters through feed, is fanned out by
// shard and leaves through live; beside that, archive writes it to the
// database; eventmap tells the shards which events a device takes part in.
//
// An Engine is made with New and run with Run, which starts the rooms in an
// order that lets nothing slip through (the stream's end is noted before the
// map and the last values are read) and stops them in a fixed one: live
// server, event map and feed, archive, ops server, Redis, Postgres.
//
// # Goroutines
//
// Each room's Run has a goroutine of the engine's, which Run waits for. If one
// ends before it was told to, the engine stops, with that room's error. The one
// exception is a lost lease: then the live part ends and the archive goes on.
//
// # Caveats
//
// The connection pool of the database is the only thing that the live part and
// the archive share. Each has its own connections to Redis.
package engine
