// Package gauge reads what a machine and its processes report: processor time,
// resident memory and stolen time from /proc, and the metrics of Pitwall in
// Prometheus text. It measures from outside: no position passes through it.
//
// All functions may be called from any goroutine. Linux only.
package gauge
