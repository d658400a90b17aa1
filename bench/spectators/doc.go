// Package spectators is many spectators in one process: connections to a live
// server that subscribe, read, and check every position against what was
// published. It sits at the far end of a position's way, behind the socket.
//
// One goroutine serves all connections by epoll on raw sockets, so that the
// measuring costs little beside what is measured: no goroutine, no timer and
// 200 bytes per connection, 30 ns per position, and as much for the kernel's copy
// of it. A process has 20,000 descriptors on many machines; larger swarms are
// several processes, each started by the harness with its Config on standard
// input, then Orders, and each telling its Progress twice a second.
//
// # What is checked
//
// Every record that the harness publishes carries in its attributes "n", the
// number of the record among those of its device, from Config.Base on, and "at", the moment
// it was due, in µs since the Unix epoch. A live position must be the next of
// its device: a jump is a gap, the same again a duplicate, an older one out of
// order. A snapshot may jump forward, never back. At the end each device must
// have come to the last number that was published. Latency is counted from
// "at", so that a publisher that is held up does not hide what spectators wait.
//
// How long bytes have waited for their client is measured on a sample of the
// sockets, by the kernel's stamps. They are the swarm's own part of the latency.
//
// With Config.CheckEvery only some clients check, and the kernel throws away what
// the others are sent: for loads that would need more cores to be looked at than
// to be sent.
//
// # Caveats
//
// Linux only. Addresses of 127/8 are used as sources where the target is on
// this machine, so that ports do not end before descriptors do. TLS is not
// spoken: a load balancer's cost is not this harness' business.
package spectators
