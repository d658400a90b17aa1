// Package attack is clients that attack, many in one process. The kinds of
// attacks are listed by Kinds: slow handshakes, connections that say nothing or
// never read, floods of requests, compression bombs, endless headers, wrong
// tokens, malformed frames.
//
// The harness starts a process with its Config on standard input, then sends
// Orders that say which kinds are under way. The process reports its Status
// twice a second: how many attacks of each kind were made, and how the server
// answered.
//
// # Goroutines
//
// Run has one goroutine per attacker, which has one connection at a time. An
// attacker that does not wait for its answers has another goroutine that reads
// them. All end with the order that ends their kind; Run waits for them.
//
// # Caveats
//
// Attackers that flood, or send bombs and malformed frames, have a good token.
// All use loopback addresses; limits per address apply to these only where they
// are configured. The rate of a kind is a target: the status says what was
// reached.
package attack
