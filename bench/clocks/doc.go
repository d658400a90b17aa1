// Package clocks is a race in which clocks are wrong. It starts the whole
// stack and publishes positions of devices whose clocks are ahead, behind,
// drifting, stepping or dead, on streams whose Redis server has a wrong clock as
// well. Spectators on real WebSocket connections check what they are shown. The
// engine is restarted twice during the race.
//
// # What is true
//
// The records of a device are numbered from 1, in the order in which they were
// taken. The number is in the latitude, so that the true order is known whatever
// the time of a record says. Everything runs on one machine, whose clock is
// right. The wrong time of a Redis server is made by explicit ids (after a step
// back they stay in one millisecond and count on) and by a proxy between engine
// and server that changes the reply to TIME. Each wrong server has a stack of its
// own.
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
//   - behind: a dot that is more than one record old, although newer records of
//     the reference devices have arrived. Their clocks are right, so they measure
//     the delivery, and a busy machine is no fault of the clocks. Options.Allow is
//     added to it;
//   - quiet: a dot that is not at its newest record although publishing has
//     stopped. That is checked after every leg of the race.
//
// A clock that fell back may leave its dot standing for two minutes. A clock
// within the tolerance that is set back may leave it standing for as long as the
// tolerance.
//
// # Goroutines
//
// For each stack: one per spectator, one that compares the screens with what was
// published, those of the proxy, and during a leg one per stream that publishes.
// Run waits for all of them.
package clocks
