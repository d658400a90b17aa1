package codec

// Fields is the set of optional values that a Position has.
type Fields uint16

// The optional values of a Position.
const (
	HasAlt Fields = 1 << iota
	HasSpeed
	HasCourse
	HasSats
	HasPriority
)

// Position is one decoded record of a stream. The strings of a decoded Position alias
// the record, and are valid as long as the record's memory. Clone makes a copy that
// owns its strings.
type Position struct {
	DeviceID string // 1-64 printable ASCII bytes
	TS       int64  // device time, ms since the Unix epoch
	Arrival  int64  // time of the stream entry, ms since the Unix epoch
	Seq      uint64 // sequence number of the stream entry, 0 if it is not known; Arrival and Seq are the entry's id

	Lat, Lon float64 // degrees, [-90, 90] and [-180, 180]

	Alt, Speed, Course float64 // metres, km/h and degrees; 0 if absent
	Sats, Priority     int32   // not negative; 0 if absent
	Has                Fields  // which of these five are present

	Faulty     bool       // archived, never broadcast
	Untimed    bool       // the record has no time that counts: TS is the time of its entry
	Codec      string     // free tag of the ingestion service, at most 64 bytes of UTF-8; "" if absent
	Attributes Attributes // "" if absent
}

// Clone returns a copy that owns its strings. It makes one allocation.
func (p *Position) Clone() Position {
	c := *p
	all := make([]byte, 0, len(p.DeviceID)+len(p.Codec)+len(p.Attributes))
	all = append(all, p.DeviceID...)
	all = append(all, p.Codec...)
	all = append(all, p.Attributes...)
	owned := alias(all)
	c.DeviceID, owned = owned[:len(p.DeviceID)], owned[len(p.DeviceID):]
	c.Codec, c.Attributes = owned[:len(p.Codec)], Attributes(owned[len(p.Codec):])
	return c
}
