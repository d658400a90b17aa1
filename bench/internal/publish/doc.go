// Package publish adds positions to the stream as an ingestion service would, at
// a rate and on a schedule that waits for nobody (an open loop): a record that is
// late because Redis or this process was held up still carries the moment at
// which it was due. Spectators count latency from that moment.
//
// Each record has in its attributes "n", its number among those of its device,
// and "at", when it was due, in µs. Package spectators checks them.
//
// Run uses the caller's goroutine. The figures may be read from any.
package publish
