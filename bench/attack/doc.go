// Package attack runs many attacking clients in one process. Kinds lists the
// attacks: slow handshakes, connections that send nothing or never read, floods of
// requests, compression bombs, endless headers, wrong tokens, malformed frames.
//
// The harness sends a process its Config on standard input, and then Orders that
// say which kinds run. The process reports its Status twice a second: how many
// attacks of each kind were made, and how the server answered.
//
// # Goroutines
//
// Run has one goroutine per attacker, with one connection at a time. An attacker
// that does not wait for answers has a second goroutine that reads them. All end
// with the order that stops their kind. Run waits for them.
//
// # Limits
//
// Attackers that flood, and those that send bombs or malformed frames, have a valid
// token. All addresses are loopback addresses; the server's limits per address
// apply to these only if they are configured. The load of a kind is a target; the
// status says how many attacks were really made.
package attack
