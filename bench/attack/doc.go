// Package attack is the attackers of the load harness: clients that mean harm,
// in processes of their own. They stand beside the swarm at the far end of a
// position's way, and what they do is listed by Kinds: slow handshakes,
// connections that say nothing or never read, floods, storms, bombs, headers
// without end, tokens that are not good, frames that are none.
//
// The harness starts a process with its Config on standard input, then Orders
// that say which kinds are under way, and reads its Status twice a second:
// how many attacks of each kind were made, and what the server answered.
//
// # Goroutines
//
// Run has one goroutine per connection that attacks, and for those that do not
// wait for their answers another one that reads. All end with the order that
// ends their kind; Run waits for them.
//
// # Caveats
//
// Attackers of floods, storms and bombs have a good token: what they do is
// behind the door. They come from loopback addresses; limits of one address
// hold there only where they are set to a number. A rate is a wish: what the
// machine and the server let through is counted and told.
package attack
