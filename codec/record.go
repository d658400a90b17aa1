package codec

import (
	"strings"
	"unicode/utf8"
)

const (
	maxDeviceID = 64 // bytes
	maxCodecTag = 64 // bytes
)

// field is a field of a stream record. Those of shape B that are numbers come
// first and have the order of the members.
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

// record is a stream record by field.
type record struct {
	fields []string
	at     [fieldOther]int32 // where the value of each is in fields
	large  uint16            // bits of those whose value is too long
}

// read sorts the fields and notes which of them are longer than most. It
// reports whether each has a value.
func (r *record) read(fields []string, most int) bool {
	r.fields = fields
	for i := 1; i < len(fields); i += 2 {
		f := fieldOf(fields[i-1])
		if f == fieldOther {
			continue
		}
		r.at[f] = int32(i)
		if len(fields[i]) > most {
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

// text returns the value of a field that the record holds.
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
	for ; i < len(s); i++ {
		if s[i]-' ' > '~'-' ' {
			return false
		}
	}
	return true
}

// readCodec reads the tag of shape A.
func (v *values) readCodec(r *record) string {
	if !r.holds(fieldCodec) {
		return ""
	}
	tag := r.text(fieldCodec)
	switch {
	case codecTag(tag):
		return tag
	case r.tooLarge(fieldCodec):
		v.left.add(OptionalCodec, ReasonTooLarge)
	default:
		v.left.add(OptionalCodec, ReasonText)
	}
	return ""
}

// codecTag reports whether s can be the tag of shape A: short text that every
// database takes.
func codecTag(s string) bool {
	if len(s) > maxCodecTag {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] == 0 || s[i] >= utf8.RuneSelf {
			return strings.IndexByte(s[i:], 0) < 0 && utf8.ValidString(s[i:])
		}
	}
	return true
}
