// Package spectators is many spectators in one process: connections to a live
// server that subscribe, read, and check every position against what was
// published.
//
// One goroutine serves all connections by epoll on raw sockets, so that the
// measurement costs little beside what it measures: no goroutine, no timer and
// 200 bytes per connection, 30 ns per position, and as much for the kernel's
// copy of it. Many machines limit a process to 20,000 descriptors, so larger
// groups are several processes. The harness starts each with its Config on
// standard input, then sends Orders; each reports its Status twice a second.
//
// # What is checked
//
// Every record that the harness publishes carries two attributes: "n", the
// number of the record among those of its device, from Config.Base on, and "at",
// the moment it was due, in µs since the Unix epoch. A live position must be the
// next of its device: a jump is a gap, the same again a duplicate, an older one
// out of order. A snapshot may jump forward, never back. At the end each device
// must have arrived at the last number that was published. Latency is counted
// from "at", so that a publisher that is held up hides nothing.
//
// How long bytes have waited in the socket of their client is measured on a
// sample of the sockets, by the kernel's time stamps. It is the part of the
// latency that this process causes.
//
// With Config.CheckEvery only some clients check, and the kernel throws away
// what the others are sent. That is for loads that would need more cores to be
// checked than to be sent.
//
// # Caveats
//
// Linux only. Where the target is on this machine, source addresses are taken
// from 127/8, as the ports of one address would run out before the descriptors.
// TLS is not spoken.
package spectators
