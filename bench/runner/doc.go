// Package runner makes runs of scenarios. It starts Redis, PostgreSQL and Pitwall
// (package stack) or uses an installation that runs, connects spectators and
// attackers in processes of their own, publishes records, measures the steady phase,
// checks that everything published has arrived, and works out the figures of a
// report.
//
// A run says whether its figures can be trusted: it is invalid if the harness was the
// bottleneck or the machine was disturbed.
//
// # Goroutines
//
// One goroutine takes a run through its phases. In addition there are the publisher,
// and one goroutine per process of spectators or attackers, which reads the output of
// the process. In the steady phase there is one more for the action of the scenario
// and one for profiles. The run waits for all of them.
package runner
