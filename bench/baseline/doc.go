// Package baseline holds servers that stand in for Pitwall in a run, as a
// measure of what its fan-out costs: they read the same records from the same
// Redis with the same codec and serve the same spectators, and do nothing else.
//
//   - bare writes the frames of a window to every socket once per window. It is
//     the price of the system calls, below which no server can go.
//   - prompt is the same loop at the moments at which Pitwall writes: a quiet
//     event at once.
//   - broadcaster is what most people would write first: one write per record
//     and connection, by gws' Broadcaster.
//
// The ratio to them can be compared between machines; absolute figures cannot.
// The bare loops are at an advantage where events are quiet: one lets positions
// wait for up to a window and writes all of them in one go. A loop that does not
// get round its sockets within the window writes more at a time, and looks
// cheaper per delivery; more threads (--loops) help.
//
// # Goroutines
//
// The goroutine of Serve reads the stream and writes. Each bare loop beyond the
// first has a goroutine for the length of one flush; the flush waits for it. The
// listener's goroutines end with the process.
package baseline
