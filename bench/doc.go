// Command bench measures Pitwall: this source tree on this machine, or an installation
// that runs.
//
//	go run ./bench list              the scenarios and their parameters
//	go run ./bench stadium           run a scenario: Redis, Pitwall, spectators, report
//	go run ./bench siege             the same under attack
//	go run ./bench all               every scenario in turn, as a table
//	go run ./bench compare A B       what has changed between two reports
//	go run ./bench floor             compare fan-out with a bare loop and a simple server
//	go run ./bench clocks            a race with wrong clocks
//
// This package is the command line. The packages below it, in reading order:
//
//	scenario    the loads: parameters and actions
//	runner      a run: start, warm up, measure, check, work out figures
//	stack       Redis, PostgreSQL and Pitwall as processes
//	spectators  many clients in one process, which check every position
//	attack      clients that attack
//	baseline    simple servers in Pitwall's place: the minimum cost of fan-out
//	peers       other servers in Pitwall's place
//	report      results of runs, as text, JSON and HTML, and their comparison
//	clocks      a race with wrong clocks
//	comparisons benchmarks that compare the codec with JSON libraries
//
// README.md has the method and the results. PROFILING.md explains how to find the cause
// of a bad figure.
package main
