// Package corrections takes positions that were marked faulty off the screens.
// People mark them in the table while the race runs, after spectators have seen
// them; a mark that is taken back brings the position back.
//
// A Corrector listens for notifications of the table. It gathers a burst of them,
// reads the last good position of each device and the faulty ones after it, and
// hands both to the shards. They show the good one and refuse the faulty ones
// should a stream bring them again.
//
// It belongs to the live part and runs without the archive as well.
//
// # Goroutines
//
// Run has one that listens and blocks its caller. Both end with its context.
//
// # Caveats
//
// SQLite sends no notifications: there marks are seen at the next start. When
// notifications may have been missed, all devices that are shown are looked up.
package corrections
