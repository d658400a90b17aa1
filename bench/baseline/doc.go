// Package baseline compares Pitwall's fan-out with what nobody can go below: it
// sends the same positions to the same number of sockets in four ways,
// interleaved, each in a process of its own whose CPU time is counted alone. A
// bare loop writes ready bytes to every socket once per window (the kernel's
// price), the same loop does it at the moments at which Pitwall does (prompt:
// a quiet event at once), this engine works from the decoding of the record
// on, and gws' own Broadcaster writes once per record and connection. The
// clients are one more process that only reads.
//
// Absolute figures are the machine's; the ratios to the bare loops are what can
// be compared. Where events are quiet the two loops differ: the one lets
// everything wait for up to a window and writes it in one go, the other is
// woken for each. A loop that does not get round within the window writes more
// at a time, and its figure per delivery is too low: the time between two
// writes to a connection stands beside it, and --loops gives it more threads.
package baseline
