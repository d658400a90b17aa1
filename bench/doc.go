// Command bench measures Pitwall: this tree on this machine, or an
// installation that runs.
//
//	go run ./bench list              the scenarios, what they stand for, and their sizes
//	go run ./bench stadium           run one: Redis, Pitwall, spectators, report
//	go run ./bench siege             the same under attack
//	go run ./bench all               every scenario in turn, as a table
//	go run ./bench compare A B       what has changed between two reports
//	go run ./bench floor             fan-out against a bare loop and a simple server
//	go run ./bench clocks            a race with wrong clocks
//
// This package is the command line. The packages below it, in the order in
// which to read them:
//
//	scenario    the loads: sizes, and what happens
//	runner      one run: start, warm up, measure, check, work the figures out
//	stack       Redis, PostgreSQL and Pitwall as processes
//	spectators  many clients in one process, which check every position
//	attack      clients that attack
//	baseline    servers in Pitwall's place: what fan-out costs at least
//	peers       other servers in Pitwall's place
//	report      what runs have found, and comparing it
//	clocks      a race in which clocks are wrong
//	comparisons benchmarks of the codec beside other libraries
//
// README.md has the method and the results; PROFILING.md leads from a bad figure
// to its cause.
package main
