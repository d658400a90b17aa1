package shard

// Clock is the error of a device's clock from one arrival on. A shard detects it. The
// database stores it, so that it survives a restart.
type Clock struct {
	Device string
	// Since is the arrival of the first record that it holds for, in ms since
	// the Unix epoch.
	Since int64
	// Offset is the device's time minus the arrival, in ms: negative for a
	// clock that fell back. 0 ends an earlier offset.
	Offset int64
}
