package codec

// Fields is the set of optional values that a Position carries.
type Fields uint16

// The optional values of a Position.
const (
	HasAlt Fields = 1 << iota
	HasSpeed
	HasCourse
	HasSats
	HasPriority
)

// Position is one decoded record of a stream. It is a plain value without
// locks. The strings of a decoded Position alias the record they came from,
// so they live as long as that; Clone makes one that owns its strings.
type Position struct {
	DeviceID string // 1-64 printable ASCII bytes
	TS       int64  // device time, ms since the Unix epoch
	Arrival  int64  // time of the stream entry, ms since the Unix epoch
	Seq      uint64 // sequence number of the entry; with Arrival, its place in the stream. 0 where it is not known

	Lat, Lon float64 // degrees, [-90, 90] and [-180, 180]

	// Metres, km/h and degrees; 0 where Has does not name them.
	Alt, Speed, Course float64
	// Never negative; 0 where Has does not name them.
	Sats, Priority int32

	Has        Fields     // which of the optional values there are
	Faulty     bool       // archived, never broadcast
	Untimed    bool       // the record gave no time that counts: TS is from the id of its entry
	Codec      string     // free tag of the ingestion service, at most 64 bytes of UTF-8, "" when absent
	Attributes Attributes // "" when absent
}

// Clone returns a copy whose strings alias nothing. It makes one allocation.
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
