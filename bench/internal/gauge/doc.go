// Package gauge reads CPU time, resident memory and steal time from /proc, and the
// metrics of Pitwall in Prometheus text format. It measures from outside: no
// position passes through it.
//
// Its functions may be called from any goroutine. Linux only.
package gauge
