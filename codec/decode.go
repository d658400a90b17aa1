package codec

import (
	"math"
	"time"
)

// Limits bound what a Decoder takes. Start from DefaultLimits.
type Limits struct {
	MinTS      int64         // earliest device time, ms since the Unix epoch
	MaxAhead   time.Duration // how far a device time may lie ahead of its arrival
	MaxPayload int           // bytes of a field's value, the payload's above all

	// A device time before MinTS counts as absent. Otherwise it is refused.
	EarlyIsAbsent bool
	// A position at exactly 0, 0 is faulty unless satellites are reported.
	RejectNullIsland bool
}

// DefaultLimits returns 2000-01-01, 24 hours and 16 KiB.
func DefaultLimits() Limits {
	return Limits{MinTS: 946684800000, MaxAhead: 24 * time.Hour, MaxPayload: 16 << 10}
}

// maxArrival is the end of the year 9999. A publisher may give an entry any id,
// and what lies beyond, not every database can store.
const maxArrival = 253402300799999 // ms since the Unix epoch

// Decoder turns records into positions. It keeps what its last call left out, or why
// it failed, so it belongs to one goroutine at a time.
type Decoder struct {
	limits   Limits
	maxAhead int64 // ms
	err      CodecError
	left     [optionals]Omission // the first leftLen are those of the last call
	leftLen  int
}

// NewDecoder returns a Decoder with these limits.
func NewDecoder(l Limits) *Decoder {
	return &Decoder{limits: l, maxAhead: l.MaxAhead.Milliseconds()}
}

// Decode decodes one record into p, of which it sets every field. fields
// alternates names and values as a stream entry has them; of a name that
// occurs twice the last value counts. A field payload makes the record one of
// shape A, otherwise it is one of shape B. arrival is the entry id's time in
// ms since the Unix epoch, seq the id's sequence number.
//
// Optional values that are wrong are left out; LeftOut lists them. The strings
// of p alias those of fields. The error is a *CodecError, belongs to d and is
// valid until the next call; p is unchanged then. Decode allocates nothing,
// unless single attributes have to be left out: those that stay are copied.
func (d *Decoder) Decode(p *Position, arrival int64, seq uint64, fields []string) error {
	d.leftLen = 0
	var r record
	if !r.read(fields, d.limits.MaxPayload) {
		return d.fail(ReasonRecord, "record", 0)
	}
	if !r.holds(fieldDeviceID) {
		return d.fail(ReasonMissing, "device_id", 0)
	}
	id := r.text(fieldDeviceID)
	if len(id) == 0 || len(id) > maxDeviceID || !printable(id) {
		return d.fail(ReasonDeviceID, "device_id", 0)
	}
	var v values
	names, tag := &payloadNames, ""
	if r.holds(fieldPayload) {
		if r.tooLarge(fieldPayload) {
			return d.fail(ReasonTooLarge, "payload", 0)
		}
		tag = v.readCodec(&r)
		if m, end, why := v.readPayload(r.text(fieldPayload)); why != 0 {
			return d.fail(why, payloadNames[m], end)
		}
	} else {
		names = &flatNames
		if m, end, why := v.readFlat(&r); why != 0 {
			return d.fail(why, flatNames[m], end)
		}
	}
	untimed, why := d.time(&v, &r, arrival, seq)
	if why != 0 {
		return d.fail(why, "ts", 0)
	}
	if m, why := v.check(arrival, d); why != 0 {
		if m == memberTimestamp && !v.timed {
			return d.fail(why, "ts", 0)
		}
		return d.fail(why, names[m], int(v.offset[m]))
	}
	p.DeviceID, p.TS, p.Untimed = id, v.ts, untimed
	p.Arrival, p.Seq = arrival, seq
	p.Lat, p.Lon = v.number[memberLatitude], v.number[memberLongitude]
	p.Alt, p.Speed, p.Course = v.number[memberAltitude], v.number[memberSpeed], v.number[memberAngle]
	p.Sats, p.Priority = int32(v.number[memberSatellites]), int32(v.number[memberPriority])
	p.Has, p.Faulty = Fields(v.has>>memberAltitude), v.faulty
	p.Codec, p.Attributes = tag, v.attributes
	if d.limits.RejectNullIsland && p.Lat == 0 && p.Lon == 0 && p.Sats == 0 {
		p.Faulty = true
	}
	if v.left.bits != 0 {
		d.note(&v.left)
	}
	return nil
}

// time sets the time of a record whose payload has none, or one that is too early to
// count. untimed says that it is the entry's.
func (d *Decoder) time(v *values, r *record, arrival int64, seq uint64) (untimed bool, why Reason) {
	if !v.timed {
		switch {
		case !r.holds(fieldTS) || r.text(fieldTS) == "":
			untimed = true
		case r.tooLarge(fieldTS):
			return false, ReasonTooLarge
		default:
			var ok bool
			if v.ts, ok = timestamp(r.text(fieldTS)); !ok {
				return false, ReasonTimestamp
			}
		}
	}
	if untimed || d.limits.EarlyIsAbsent && v.ts < d.limits.MinTS {
		v.ts, untimed = EntryTime(arrival, seq), true
	}
	return untimed, 0
}

// EntryTime is the time of a record that gives none, in ms since the Unix
// epoch: a pure function of the id of its entry, so that the records of one
// millisecond are kept apart. A sequence number that is no time at all gives
// one beyond every range. Safe for concurrent use.
func EntryTime(arrival int64, seq uint64) int64 {
	if arrival > maxArrival || seq > maxArrival {
		return math.MaxInt64
	}
	return arrival + int64(seq)
}

// fail makes the decoder's error.
func (d *Decoder) fail(why Reason, field string, offset int) error {
	d.err = CodecError{Reason: why, Field: field, Offset: offset}
	return &d.err
}

// member is a value of a position that either shape gives. The numbers come
// first; those from the altitude on have the order of Fields.
type member uint8

const (
	memberLatitude member = iota
	memberLongitude
	memberAltitude
	memberSpeed
	memberAngle
	memberSatellites
	memberPriority
	memberTimestamp
	memberAttributes
	memberFaulty
	memberOther
	memberCount

	numbers = memberPriority + 1
)

var payloadNames = [memberCount]string{
	"payload.latitude", "payload.longitude", "payload.altitude", "payload.speed", "payload.angle",
	"payload.satellites", "payload.priority", "payload.timestamp", "payload.attributes", "payload.faulty", "payload",
}

var flatNames = [memberCount]string{
	"lat", "lon", "alt", "speed", "course", "sats", "priority", "ts", "attributes", "faulty", "record",
}

// values are what a record says, before it is known to be a position.
type values struct {
	number     [numbers]float64
	offset     [memberCount]int32 // where the value begins in its field
	has        uint16             // bits of the numbers that are there
	timed      bool               // ts is there
	faulty     bool
	ts         int64
	attributes Attributes
	left       omitted
}

// check checks what the two shapes have in common. It fails where a required
// value is wrong.
func (v *values) check(arrival int64, d *Decoder) (m member, why Reason) {
	const both = 1<<memberLatitude | 1<<memberLongitude
	lat, lon := v.number[memberLatitude], v.number[memberLongitude]
	switch {
	case v.has&both != both:
		if v.has&(1<<memberLatitude) != 0 {
			return memberLongitude, ReasonMissing
		}
		return memberLatitude, ReasonMissing
	case !(lat >= -90 && lat <= 90):
		return memberLatitude, ReasonRange
	case !(lon >= -180 && lon <= 180):
		return memberLongitude, ReasonRange
	case v.ts < d.limits.MinTS || v.ts > arrival+d.maxAhead || arrival > maxArrival:
		return memberTimestamp, ReasonTSOutOfRange
	}
	for m := memberSatellites; m <= memberPriority; m++ {
		if why = natural(v.number[m]); why != 0 {
			v.leaveNumber(m, why)
		}
	}
	v.left.drop(v.has >> memberAltitude) // a later value of the same name was right
	return memberOther, 0
}

// leaveNumber leaves out a number that is optional.
func (v *values) leaveNumber(m member, why Reason) {
	v.number[m] = 0
	v.has &^= 1 << m
	v.left.add(Optional(m-memberAltitude), why)
}

// natural checks that f is an int32 that is not negative.
func natural(f float64) Reason {
	if n := int32(f); float64(n) == f && n >= 0 {
		return 0
	}
	if f >= 0 && f <= math.MaxInt32 {
		return ReasonNumber
	}
	return ReasonRange
}
