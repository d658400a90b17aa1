// Package corrections removes positions from the map that were marked faulty in the
// table. People mark them while the race runs, after spectators have seen them.
// Removing the mark brings the position back.
//
// A Corrector listens for notifications of the table and collects those of a burst.
// It reads the last good position of each device and the faulty ones after it, and
// passes both to the shards. They show the good position, and refuse the faulty ones
// if a stream delivers them again.
//
// It belongs to the live part and also runs without the archive.
//
// # Goroutines
//
// Run blocks its caller and starts one goroutine that listens. Both end with the
// context.
//
// # Caveats
//
// SQLite sends no notifications, so marks are seen at the next start. If
// notifications may have been missed, all shown devices are looked up.
package corrections
