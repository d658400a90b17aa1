// Package engine wires the components together. It is what cmd/pitwall runs, and
// what tests and bench start. It holds no logic of its own: only which component
// gets what, in which order they start and stop, and what makes the process ready.
//
//	Redis -> feed -> shard -> live -> spectators
//	Redis -> archive -> database
//
// A position enters through feed, is fanned out by shard and leaves through live,
// whose listener is front. Independently, archive writes it to the database.
// eventmap tells the shards which events a device takes part in, access decides
// who may watch, corrections takes positions that were marked faulty off the
// screens, and ops shows all of it to the operator.
//
// New checks the settings. Run starts everything, serves, and stops everything.
// The start loses no position: the end of the stream is noted before the map and
// the last values are read, and the feed goes on from there. The order of the stop
// is fixed: simulator, live server, event map and feed, archive, ops server, Redis,
// database.
//
// # Goroutines
//
// The Run of each component has a goroutine, and the stop waits for it. If one ends
// before it was asked to, the engine stops with its error. The exception is a lost
// lease: the live part ends, and the archive goes on.
//
// # Caveats
//
// The live part and the archive share only the pool of connections to the
// database. Each has its own connections to Redis.
package engine
