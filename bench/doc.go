// Command bench measures Pitwall on the machine it runs on.
//
//	go run ./bench floor          fan-out against the floor and against a plain broadcaster
//
// floor sends the same positions to the same number of sockets in three ways,
// interleaved, each in a process of its own whose CPU time is counted alone: a
// bare loop that writes ready bytes to every socket once per window (the
// kernel's price, which nobody can go below), this engine from the decoding of
// the record on, and gws' own Broadcaster, which writes once per record and
// connection. The clients are one more process that only reads.
//
// Absolute figures are the machine's; the ratios to the bare loop are what can
// be compared.
package main
