package codec

import (
	"math"
	"time"
)

// Limits bound what a Decoder accepts. Start from DefaultLimits.
type Limits struct {
	MinTS      int64         // earliest device time, ms since the Unix epoch
	MaxAhead   time.Duration // how far a device time may be ahead of its arrival
	MaxPayload int           // longest value of a field in bytes, not only of the payload

	EarlyIsAbsent    bool // a device time before MinTS counts as absent; otherwise it is refused
	RejectNullIsland bool // a position at exactly 0, 0 is faulty unless it reports at least one satellite
}

// DefaultLimits returns limits of 2000-01-01, 24 hours and 16 KiB.
func DefaultLimits() Limits {
	return Limits{MinTS: 946684800000, MaxAhead: 24 * time.Hour, MaxPayload: 16 << 10}
}

// maxArrival is the end of the year 9999. A publisher may give an entry any id, and
// not every database can store a later time.
const maxArrival = 253402300799999 // ms since the Unix epoch

// Decoder turns records into positions. It stores the error of its last call and
// what that call left out, so only one goroutine at a time may use it.
type Decoder struct {
	limits     Limits
	maxAhead   int64 // ms
	err        DecodeError
	leftOut    [optionals]Omission // the first leftOutLen are those of the last call
	leftOutLen int
}

// NewDecoder returns a Decoder with these limits.
func NewDecoder(l Limits) *Decoder {
	return &Decoder{limits: l, maxAhead: l.MaxAhead.Milliseconds()}
}

// Decode decodes one record into p and sets every field of p. fields alternates
// names and values, as a stream entry has them. If a name occurs twice, the last
// value counts. A record with a field payload is JSON; otherwise it is flat. arrival
// is the entry id's time in ms since the Unix epoch, seq the id's sequence number.
//
// Optional values that are wrong are left out; LeftOut lists them. The strings of p
// alias those of fields. The error is a *DecodeError; it belongs to d and is valid
// until the next call. p is then unchanged. Decode does not allocate, unless single
// attributes have to be left out: then the others are copied.
func (d *Decoder) Decode(p *Position, arrival int64, seq uint64, fields []string) error {
	d.leftOutLen = 0
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
		if m, end, reason := v.readPayload(r.text(fieldPayload)); reason != 0 {
			return d.fail(reason, payloadNames[m], end)
		}
	} else {
		names = &flatNames
		if m, end, reason := v.readFlat(&r); reason != 0 {
			return d.fail(reason, flatNames[m], end)
		}
	}
	untimed, reason := d.time(&v, &r, arrival, seq)
	if reason != 0 {
		return d.fail(reason, "ts", 0)
	}
	if m, reason := v.check(arrival, d); reason != 0 {
		if m == memberTimestamp && !v.timed {
			return d.fail(reason, "ts", 0)
		}
		return d.fail(reason, names[m], int(v.offset[m]))
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
	if v.omitted.bits != 0 {
		d.setLeftOut(&v.omitted)
	}
	return nil
}

// time sets the time of a record whose payload has none, or one that is so early that
// it counts as absent. untimed reports whether it is the time of the entry.
func (d *Decoder) time(v *values, r *record, arrival int64, seq uint64) (untimed bool, reason Reason) {
	if !v.timed {
		switch {
		case !r.holds(fieldTS) || r.text(fieldTS) == "":
			untimed = true
		case r.tooLarge(fieldTS):
			return false, ReasonTooLarge
		default:
			var ok bool
			if v.ts, ok = parseTime(r.text(fieldTS)); !ok {
				return false, ReasonTimestamp
			}
		}
	}
	if untimed || d.limits.EarlyIsAbsent && v.ts < d.limits.MinTS {
		v.ts, untimed = EntryTime(arrival, seq), true
	}
	return untimed, 0
}

// EntryTime returns the time of a record that has none, in ms since the Unix epoch.
// It depends on the id of the record's entry alone, and is different for the entries
// of one millisecond. A sequence number that is too large for a time gives a time
// that every Limits refuses. Safe for concurrent use.
func EntryTime(arrival int64, seq uint64) int64 {
	if arrival > maxArrival || seq > maxArrival {
		return math.MaxInt64
	}
	return arrival + int64(seq)
}

// fail sets and returns the decoder's error.
func (d *Decoder) fail(reason Reason, field string, offset int) error {
	d.err = DecodeError{Reason: reason, Field: field, Offset: offset}
	return &d.err
}

// member is a value of a position, in a payload or in a flat record. The numbers come
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

	numberMembers = memberPriority + 1
)

var payloadNames = [memberCount]string{
	"payload.latitude", "payload.longitude", "payload.altitude", "payload.speed", "payload.angle",
	"payload.satellites", "payload.priority", "payload.timestamp", "payload.attributes", "payload.faulty", "payload",
}

var flatNames = [memberCount]string{
	"lat", "lon", "alt", "speed", "course", "sats", "priority", "ts", "attributes", "faulty", "record",
}

// values are the values of a record, before it is known to be a position.
type values struct {
	number     [numberMembers]float64
	offset     [memberCount]int32 // where the value begins in its field
	has        uint16             // one bit for each number that is there
	timed      bool               // ts is there
	faulty     bool
	ts         int64
	attributes Attributes
	omitted    omissions
}

// check checks the values of a payload or of a flat record. If a required value is
// wrong, it returns that value and the reason.
func (v *values) check(arrival int64, d *Decoder) (m member, reason Reason) {
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
		if reason = checkCount(v.number[m]); reason != 0 {
			v.omitNumber(m, reason)
		}
	}
	v.omitted.remove(v.has >> memberAltitude) // a later value of the same name is right
	return memberOther, 0
}

// omitNumber leaves out a number that is optional.
func (v *values) omitNumber(m member, reason Reason) {
	v.number[m] = 0
	v.has &^= 1 << m
	v.omitted.add(Optional(m-memberAltitude), reason)
}

// checkCount checks that f is an int32 that is not negative.
func checkCount(f float64) Reason {
	if n := int32(f); float64(n) == f && n >= 0 {
		return 0
	}
	if f >= 0 && f <= math.MaxInt32 {
		return ReasonNumber
	}
	return ReasonRange
}
