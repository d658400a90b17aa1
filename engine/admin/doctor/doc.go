// Package doctor checks an installation before an event: settings, ports, limits of the
// machine, certificates, Redis, PostgreSQL, and the clocks. It tells what is wrong and
// what to do. No position passes through it.
//
// It changes nothing on the servers, and works while processes run.
//
// # Goroutines
//
// Run works on its caller's goroutine until it is done or ctx ends. Each server has a
// time limit, so an unreachable one delays the answer by some seconds.
//
// # Caveats
//
// Findings contain messages of other servers. The caller's writer must escape control
// characters (admin.Plain). They contain no secret: errors of the packages db and redis
// never hold the URL.
package doctor
