// Command bench measures Pitwall: this tree on this machine, or an
// installation that runs.
//
//	go run ./bench list              the scenarios, and what they stand for
//	go run ./bench stadium           run one: Redis, Pitwall, spectators, report
//	go run ./bench siege             the same under attack: see package attack
//	go run ./bench all               every scenario in turn, as a table
//	go run ./bench compare A B       what has changed between two reports
//	go run ./bench floor             fan-out against the kernel's price
//	go run ./bench clocks            a race with wrong clocks: see package clocks
//
// A run publishes through Redis, in the shapes of real records, to spectators
// in processes of their own who check every position. It says when its figures
// may not be believed: when the harness was the bottleneck, or the machine was
// disturbed. README.md has results, PROFILING.md leads from a bad figure to its
// cause.
//
// # Goroutines
//
// A run has one goroutine that goes through its phases; beside it the
// publisher, one per process of spectators or attackers that listens to it,
// and in the steady phase what the scenario does and the profiles. The run
// waits for all of them.
package main
