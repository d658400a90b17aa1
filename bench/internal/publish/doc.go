// Package publish puts positions on the stream as an ingestion service would,
// at a rate and on a schedule that waits for nobody (an open loop): a record
// that is late because Redis or this process was held up still carries the
// moment at which it was due, from which spectators count latency. It sits in
// front of everything that Pitwall does.
//
// Each record has in its attributes "n", its number among those of its device,
// and "at", when it was due, in µs. What of it must come out at the other end
// is in package spectators.
//
// Run uses the caller's goroutine. The figures may be read from any.
package publish
