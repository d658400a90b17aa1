package shard

// Clock says how far a device's clock is wrong, from one arrival on. A shard finds it
// out; the database keeps it, so that a restart does not lose it.
type Clock struct {
	Device string
	// Since is the arrival of the first record that it holds for, in ms since
	// the Unix epoch.
	Since int64
	// Offset is the device's time minus the arrival, in ms: negative for a
	// clock that fell back. 0 ends an earlier offset.
	Offset int64
}
