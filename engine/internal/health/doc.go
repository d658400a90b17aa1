// Package health collects the state of the parts of a process: the connection to
// Redis, the reading of each stream, the dead letters, and so on. /readyz and its
// details show it.
//
// A part has one check or more. A check starts without a fault. Fault reports one, and
// OK reports the recovery. Each change is logged once. A fault counts against
// readiness when it has lasted for the grace of the check; with the grace Never it is
// only shown.
//
// # Goroutines
//
// The package starts none. Any goroutine may use a Registry, its checks and a Lag at
// any time. The fan-out path reports nothing here.
package health
