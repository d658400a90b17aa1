// Package monitor implements the commands that ask a running process: check, status,
// top and device. They use its private listener (OPS_ADDR) and nothing else, so they
// need no database and no Redis. No position passes through it, except the last one of
// the device that an operator asks for.
//
// # Goroutines
//
// Every function runs on its caller's goroutine until it is done or ctx ends.
//
// # Caveats
//
// The output may contain text from records and other servers. The caller's writer must
// escape control characters (admin.Plain). The client follows no redirect and uses no
// proxy, because it sends OPS_TOKEN.
package monitor
