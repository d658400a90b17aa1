// Package process starts the harness' own program once more in another role:
// as a process of spectators, of attackers, or as a server that stands in for
// Pitwall. The role is in the environment. Spectators and attackers read their
// configuration and then orders as JSON from standard input, write their status
// to standard output, and end when standard input does, so that none outlives
// the harness.
package process
