package ops

import "time"

// Device is the answer of /device: what the process knows of a device, and why it shows
// or does not.
type Device struct {
	ID      string `json:"id"`
	Visible bool   `json:"visible"` // a spectator who subscribes now gets its last position
	// Reasons say why it shows or does not, and what to do, the most important first.
	Reasons []string `json:"reasons"`

	Events []DeviceEvent `json:"events"`
	Orphan bool          `json:"orphan"` // it sends and is in no event
	// Live is the last position that the live part has, nil for none.
	Live *LastRecord `json:"live,omitempty"`
	// Stored is the last good position in the table, nil for none.
	Stored *LastRecord `json:"stored,omitempty"`
	// StoredError says why the table could not be read.
	StoredError string `json:"storedError,omitempty"`
	// FaultyRows is the number of rows marked faulty that are newer than Stored.
	FaultyRows int `json:"faultyRows"`

	Clock DeviceClock `json:"clock"`
	// Held: a newer position waits, because the device sends more than its limit.
	Held    bool `json:"held"`
	Limited bool `json:"limited"` // it is beyond its limit now
	Refused int  `json:"refused"` // positions that were marked faulty and are not shown again
}

// DeviceEvent is an event that a device takes part in.
type DeviceEvent struct {
	Event      string `json:"event"`
	Spectators int    `json:"spectators"`
}

// DeviceClock is the state of a device's clock.
type DeviceClock struct {
	State string `json:"state"` // right, ahead, fallen back, no time; "" when unknown
	// OffsetMS is the device's time minus the arrival, in ms.
	OffsetMS int64 `json:"offsetMs"`
}

// LastRecord is a position of a device.
type LastRecord struct {
	Time    time.Time `json:"time"` // by the device's clock
	Arrival time.Time `json:"arrival"`
	// ShownAs is the time that spectators see; zero in the table.
	ShownAs time.Time `json:"shownAs,omitzero"`
	Lat     float64   `json:"lat"`
	Lon     float64   `json:"lon"`
}
