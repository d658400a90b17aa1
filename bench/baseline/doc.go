// Package baseline has servers that take Pitwall's place in a run, to tell what
// its fan-out costs: they read the same records from the same Redis with the same
// codec, serve the same spectators, and do nothing else.
//
//   - bare writes the frames of a window to every socket, once per window. It is
//     the price of the system calls, and the lower limit for any server.
//   - prompt is the same loop, but it writes when Pitwall would: a quiet event at
//     once.
//   - broadcaster is what most people would write first: one write per record
//     and connection, with gws' Broadcaster.
//
// Ratios to these servers can be compared between machines, absolute figures
// cannot. The bare loops have an advantage where events are quiet: bare lets
// positions wait up to a window and writes them all at once. A loop that cannot
// serve all of its sockets within a window writes more at a time, and looks cheaper
// per delivery; more threads (--loops) help.
//
// # Goroutines
//
// The goroutine of Serve reads the stream and writes. Each bare loop after the first
// has a goroutine during a flush, which waits for it. The goroutines of the listener
// end with the process.
package baseline
