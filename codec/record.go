package codec

import (
	"strings"
	"unicode/utf8"
)

const (
	maxDeviceID = 64 // bytes
	maxCodecTag = 64 // bytes
)

// field is a field of a stream record. The numbers of a flat record come first and
// have the order of the members.
type field uint8

const (
	fieldLat field = iota
	fieldLon
	fieldAlt
	fieldSpeed
	fieldCourse
	fieldSats
	fieldDeviceID
	fieldTS
	fieldCodec
	fieldPayload
	fieldAttributes
	fieldFaulty
	fieldOther // not read
)

// record is an index of the fields of a stream record.
type record struct {
	fields []string
	at     [fieldOther]int32 // index of each field's value in fields; 0 if it is not there
	large  uint16            // one bit for each field whose value is too long
}

// read indexes the fields. Values longer than maxLen bytes are too long. It reports
// whether each field has a value.
func (r *record) read(fields []string, maxLen int) bool {
	r.fields = fields
	for i := 1; i < len(fields); i += 2 {
		f := fieldOf(fields[i-1])
		if f == fieldOther {
			continue
		}
		r.at[f] = int32(i)
		if len(fields[i]) > maxLen {
			r.large |= 1 << f
		} else if r.large != 0 {
			r.large &^= 1 << f
		}
	}
	return len(fields)%2 == 0
}

// tooLarge reports whether the value of a field is too long to be read.
func (r *record) tooLarge(f field) bool { return r.large&(1<<f) != 0 }

// holds reports whether the record has the field.
func (r *record) holds(f field) bool { return r.at[f] != 0 }

// text returns the value of a field that the record has.
func (r *record) text(f field) string { return r.fields[r.at[f]] }

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

// printable reports whether s is printable ASCII.
func printable(s string) bool {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if unprintable(load64(s, i)) != 0 {
			return false
		}
	}
	return unprintable(lastWord(s, i))&rest(s, i) == 0
}

// readCodec reads the codec tag of a record with a payload.
func (v *values) readCodec(r *record) string {
	if !r.holds(fieldCodec) {
		return ""
	}
	tag := r.text(fieldCodec)
	switch {
	case len(tag) <= maxCodecTag && strings.IndexByte(tag, 0) < 0 && utf8.ValidString(tag):
		return tag
	case r.tooLarge(fieldCodec):
		v.omitted.add(OptionalCodec, ReasonTooLarge)
	default: // not every database would take it
		v.omitted.add(OptionalCodec, ReasonText)
	}
	return ""
}
