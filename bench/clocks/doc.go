// Package clocks is a race in which clocks are wrong. It starts the whole
// stack, publishes positions of devices whose clocks are ahead, behind,
// drifting, stepping or dead, over streams whose Redis server has a wrong clock
// as well, and has spectators on real WebSocket connections check what they are
// shown. The engine is ended and started again in the middle.
//
// # What is true
//
// The records of a device are numbered from 1, in the order in which they were
// taken. The number is in the latitude, so that the order of truth is known
// whatever the time of a record says. Everything runs on one machine, whose clock
// is right. The wrong time of a Redis server is made by writing explicit ids, in
// which a clock that steps back stays in one millisecond and counts on, and by a
// relay between engine and server that changes the reply to TIME. Each wrong
// server has a stack of its own.
//
// # What is checked
//
// Every spectator checks every position, over all of its connections:
//
//   - older: a place that is older than the one shown before;
//   - time: a time older than the one shown before, or the same time at another
//     place. The first snapshot after a restart may show the same record, or a newer
//     one, under an older time, since made-up times are not kept over a restart;
//   - unknown: a place that was never published;
//   - missing: a device that was shown before and is not in a new snapshot;
//   - behind: a dot that is more than one record old although the reference
//     devices, whose clocks are right, have got further. They measure the
//     delivery, so that a busy machine is no fault of the clocks. Options.Allow is added to it;
//   - quiet: a dot that is not at its newest record although publishing has
//     stopped. That is looked at after every leg of the race.
//
// A clock that fell back may leave its dot standing for two minutes, a clock
// within the tolerance that is set back for the tolerance.
//
// # Goroutines
//
// For each stack: one per spectator, one that judges dots that are behind, those
// of the relay, and during a leg one per stream that publishes. Run waits for all
// of them.
package clocks
