package codec

import (
	"time"
	"unicode/utf8"
)

// Limits bound what a Decoder takes. Start from DefaultLimits.
type Limits struct {
	MinTS      int64         // earliest device time, ms since the Unix epoch
	MaxAhead   time.Duration // how far a device time may lie ahead of its arrival
	MaxPayload int           // bytes of a field's value, the payload's above all
}

// DefaultLimits returns 2000-01-01, 24 hours and 16 KiB.
func DefaultLimits() Limits {
	return Limits{MinTS: 946684800000, MaxAhead: 24 * time.Hour, MaxPayload: 16 << 10}
}

const (
	maxDeviceID = 64 // bytes
	maxCodecTag = 64 // bytes
)

// Decoder turns records into positions. It holds its limits and the error of
// its last call, so it belongs to one goroutine at a time.
type Decoder struct {
	limits   Limits
	maxAhead int64 // ms
	err      CodecError
}

// NewDecoder returns a Decoder with these limits.
func NewDecoder(l Limits) *Decoder {
	return &Decoder{limits: l, maxAhead: l.MaxAhead.Milliseconds()}
}

// field is a field of a stream record that is read.
type field uint8

const (
	fieldOther field = iota // not read
	fieldDeviceID
	fieldTS
	fieldCodec
	fieldPayload
	fieldLat
	fieldLon
	fieldAlt
	fieldSpeed
	fieldCourse
	fieldSats
	fieldAttributes
	fieldFaulty
	fieldCount
)

var fieldNames = [fieldCount]string{
	"record", "device_id", "ts", "codec", "payload", "lat", "lon", "alt", "speed", "course", "sats", "attributes", "faulty",
}

func fieldOf(name string) field {
	switch name {
	case "device_id":
		return fieldDeviceID
	case "ts":
		return fieldTS
	case "codec":
		return fieldCodec
	case "payload":
		return fieldPayload
	case "lat":
		return fieldLat
	case "lon":
		return fieldLon
	case "alt":
		return fieldAlt
	case "speed":
		return fieldSpeed
	case "course":
		return fieldCourse
	case "sats":
		return fieldSats
	case "attributes":
		return fieldAttributes
	case "faulty":
		return fieldFaulty
	}
	return fieldOther
}

// record is a stream record by field: where each value stands in values, 0
// when the field is not there.
type record struct {
	at     [fieldCount]int
	values []string
}

// text returns the value of f, "" when it is not there.
func (r *record) text(f field) string {
	if i := r.at[f]; i != 0 {
		return r.values[i]
	}
	return ""
}

// Decode decodes one record into p, of which it sets every field. fields
// alternates names and values as a stream entry has them; a name that occurs
// twice counts with its last value. A field payload makes the record one of
// shape A, otherwise it is one of shape B. arrival is the entry id's time in
// ms since the Unix epoch.
//
// The strings of p alias those of fields. The error is a *CodecError, belongs
// to d and is valid until the next call; p is not to be used then. Decode
// allocates nothing, whatever the outcome.
func (d *Decoder) Decode(p *Position, arrival int64, fields []string) error {
	r := record{values: fields}
	for i := 1; i < len(fields); i += 2 {
		f := fieldOf(fields[i-1])
		if f == fieldOther {
			continue
		}
		if len(fields[i]) > d.limits.MaxPayload {
			return d.fail(ReasonTooLarge, fieldNames[f], d.limits.MaxPayload)
		}
		r.at[f] = i
	}
	if len(fields)%2 != 0 {
		return d.fail(ReasonRecord, "record", 0)
	}
	if r.at[fieldDeviceID] == 0 {
		return d.fail(ReasonMissing, "device_id", 0)
	}
	id := r.text(fieldDeviceID)
	if !printable(id) || len(id) == 0 || len(id) > maxDeviceID {
		return d.fail(ReasonDeviceID, "device_id", 0)
	}
	*p = Position{DeviceID: id, Arrival: arrival}
	if r.at[fieldPayload] != 0 {
		return d.payload(p, &r)
	}
	return d.flat(p, &r)
}

// printable reports whether s is printable ASCII.
func printable(s string) bool {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if unprintable(load64(s, i)) != 0 {
			return false
		}
	}
	for ; i < len(s); i++ {
		if s[i]-' ' > '~'-' ' {
			return false
		}
	}
	return true
}

// codecTag reports whether s can be the tag of shape A: short text that every
// database takes.
func codecTag(s string) bool {
	if len(s) > maxCodecTag {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] == 0 || s[i] >= utf8.RuneSelf {
			return s[i] != 0 && utf8.ValidString(s[i:])
		}
	}
	return true
}

// fieldTime reads the field ts into p; without it, the time is arrival.
func (d *Decoder) fieldTime(p *Position, r *record) error {
	if r.at[fieldTS] == 0 {
		p.TS = p.Arrival
		return nil
	}
	ts, ok := timestamp(r.text(fieldTS))
	if !ok {
		return d.fail(ReasonTimestamp, "ts", 0)
	}
	p.TS = ts
	return nil
}

// place checks what the two shapes have in common once all values are in p:
// the time and the coordinates. lat and lon are the names of those.
func (d *Decoder) place(p *Position, lat, lon string) error {
	if !(p.Lat >= -90 && p.Lat <= 90) {
		return d.fail(ReasonRange, lat, 0)
	}
	if !(p.Lon >= -180 && p.Lon <= 180) {
		return d.fail(ReasonRange, lon, 0)
	}
	if p.TS < d.limits.MinTS || p.TS > p.Arrival+d.maxAhead {
		return d.fail(ReasonTSOutOfRange, "ts", 0)
	}
	return nil
}

// fail makes the decoder's error.
func (d *Decoder) fail(why Reason, field string, offset int) error {
	d.err = CodecError{Reason: why, Field: field, Offset: offset}
	return &d.err
}
