// Package spectators runs many spectators in one process: connections to a live
// server that subscribe, read, and check every position against what was
// published.
//
// One goroutine serves all connections with epoll on raw sockets, so that the
// measurement costs little compared with what it measures: no goroutine and no
// timer per connection, 200 bytes of memory, and 30 ns per position plus as much
// for the kernel's copy. Many machines limit a process to 20,000 descriptors, so
// larger groups use several processes. The harness sends each process its Config on
// standard input, and then Orders. Each reports its Status twice a second.
//
// # What is checked
//
// Every record that the harness publishes has two attributes: "n", the number of
// the record among those of its device, starting after Config.Base, and "at", the
// time at which it was due, in µs since the Unix epoch. A live position must be the
// next one of its device: a jump is a gap, the same number a duplicate, a lower one
// out of order. A snapshot may jump forward, never back. At the end, the last
// number published must have arrived for each device. Latency is counted from "at",
// so that a publisher that is held up hides nothing.
//
// The time that bytes wait in the socket of their client is measured for a sample
// of the clients, with time stamps of the kernel. This is the part of the latency
// that the process itself causes.
//
// With Config.CheckEvery only some clients check, and the kernel discards what the
// others receive. This is for loads that take more cores to check than to send.
//
// # Limits
//
// Linux only, and no TLS. If the target is on this machine, source addresses are
// taken from 127/8, because one address would run out of ports before the process
// runs out of descriptors.
package spectators
