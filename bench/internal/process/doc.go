// Package process starts the program of the harness again in another role: as
// spectators, as attackers, or as a server in Pitwall's place. An environment
// variable holds the role. Spectators and attackers read their configuration and
// then orders as JSON from standard input, and write their status to standard
// output. They end when standard input ends, so that none outlives the harness.
package process
