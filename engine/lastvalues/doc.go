// Package lastvalues fills the shards' last values from the database when the
// process starts, so that the first spectator sees every device at once. What the
// table does not hold yet comes from the stream afterwards (feed.Warm).
//
// Load restores the clocks that are known to be wrong, reads the last good
// position of each device and delivers it, and then reports the faulty positions
// after it, so that the shards refuse them if a stream brings them again.
//
// # Goroutines
//
// Load runs on its caller's goroutine. The engine calls it once, after the
// device-event map is in force and before the feed reads.
//
// # Caveats
//
// When Options.Timeout is over, Load delivers what it has read and succeeds: a
// start in time with devices that appear with their next record is better than a
// late one.
package lastvalues
