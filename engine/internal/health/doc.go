// Package health is where the parts of a process say how they are: the
// connection to Redis, the reading of each stream, the dead letters, and so on.
// /readyz and its details are read from here.
//
// A part has one check or more. A check begins well; Fault says what is wrong
// with it and OK that it is well again. Each change is logged once, the
// recovery as the fault was. A fault counts against readiness once it has lasted
// for the check's grace; one whose grace is Never is only shown.
//
// # Goroutines
//
// The package starts none. Any goroutine may use a Registry, its checks, and a
// Lag, at any time. The fan-out path does not report here.
package health
