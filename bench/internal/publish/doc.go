// Package publish adds positions to the stream as an ingestion service would. It
// follows a fixed schedule (an open loop): if Redis or this process is held up, a
// record is late but still carries the time at which it was due. Spectators count
// latency from that time.
//
// Each record has two attributes, which package spectators checks: "n", its number
// among the records of its device, and "at", the time at which it was due, in µs
// since the Unix epoch.
//
// Run uses the caller's goroutine. Any goroutine may read the figures.
package publish
