// Package clocks runs a race in which clocks are wrong. It starts the whole stack
// and publishes positions of devices whose clocks are ahead, behind, drifting,
// stepping or dead, on streams whose Redis server has a wrong clock as well.
// Spectators on real WebSocket connections check what they are shown. The engine is
// restarted twice during the race.
//
// # What is true
//
// The records of a device are numbered from 1, in the order in which they were
// taken. The number is in the latitude, so that the true order is known whatever
// the time of a record says. Everything runs on one machine, whose clock is right.
// The wrong clock of a Redis server is imitated with explicit ids (after a step back
// they stay in one millisecond and count on) and with a proxy between the engine and
// the server that changes the replies to TIME. Each server has its own stack.
//
// # What is checked
//
// Every spectator checks every position, across all of its connections:
//
//   - older: a place that is older than the one shown before;
//   - time: a time that is older than the one shown before, or the same time at
//     another place. The first snapshot after a restart may show the same record, or
//     a newer one, with an older time, because invented times do not survive a
//     restart;
//   - unknown: a place that was never published;
//   - missing: a device that was shown before and is not in a new snapshot;
//   - behind: a dot that is more than one record old, although newer records of
//     the reference devices have arrived. Their clocks are right, so they tell how
//     long delivery takes; a busy machine is not a fault of the clocks. Options.Allow
//     is added to that time;
//   - quiet: a dot that is not at its newest record although publishing has
//     stopped. This is checked after every leg of the race.
//
// The dot of a clock that fell back may stand still for two minutes. The dot of a
// clock that was ahead within the tolerance and is set right may stand still for as
// long as the tolerance.
//
// # Goroutines
//
// Each stack has one goroutine per spectator, one that compares the screens with
// what was published, those of the proxy, and during a leg one per stream that
// publishes. Run waits for all of them.
package clocks
