// Package runner makes runs of scenarios. It starts Redis, PostgreSQL and
// Pitwall (package stack) or is told of an installation that runs, connects
// spectators and attackers in processes of their own, publishes records,
// measures the steady phase, checks that everything published has arrived, and
// works out the figures of a report.
//
// A run says whether its figures may be believed: it is not valid when the
// harness was the bottleneck or the machine was disturbed.
//
// # Goroutines
//
// One goroutine takes a run through its phases. Beside it there are the
// publisher and one goroutine per process of spectators or attackers, which
// reads what that process writes; in the steady phase one for the scenario's
// action and one for profiles. The run waits for all of them.
package runner
