package codec

import "strconv"

// Reason says why a record was refused, or an optional value left out. The set
// is closed: String gives the label of a metric and the reason of a dead
// letter. The zero Reason is none.
type Reason uint8

// The reasons of a CodecError and of an Omission.
const (
	ReasonRecord       Reason = iota + 1 // a field name without a value
	ReasonMissing                        // device_id, latitude or longitude is not there
	ReasonDeviceID                       // not 1-64 printable ASCII bytes
	ReasonTooLarge                       // a field's value beyond Limits.MaxPayload
	ReasonJSON                           // not one well-formed JSON value, or nested too deep
	ReasonText                           // NUL, lone surrogate, invalid UTF-8; a codec tag that is too long
	ReasonNumber                         // not a number by JSON's grammar, beyond float64, or not integral where that is needed
	ReasonType                           // a known member with a value of the wrong type
	ReasonRange                          // a number that is not in its range
	ReasonTimestamp                      // neither RFC 3339 nor epoch ms
	ReasonTSOutOfRange                   // before Limits.MinTS or too far ahead of arrival; an arrival after the year 9999
	ReasonAttribute                      // attributes that are no object; one that is named after a kind and not of it
)

var reasonNames = [...]string{
	"none",
	"bad_record",
	"missing_field",
	"bad_device_id",
	"payload_too_large",
	"bad_json",
	"bad_text",
	"bad_number",
	"bad_type",
	"out_of_range",
	"bad_timestamp",
	"ts_out_of_range",
	"bad_attribute",
}

// String returns the reason's name, as it is spelled in metrics and dead letters.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "Reason(" + strconv.Itoa(int(r)) + ")"
}

// Reasons lists every reason there is.
func Reasons() []Reason {
	all := make([]Reason, 0, len(reasonNames)-1)
	for r := range len(reasonNames) - 1 {
		all = append(all, Reason(r+1))
	}
	return all
}

// CodecError says why a record was refused and where. Decode returns one that
// belongs to the decoder and is overwritten by its next call; copy the value
// to keep it.
type CodecError struct {
	Reason Reason
	Field  string // the field of the record, and the member of its JSON: "payload.latitude"
	Offset int    // byte within the field's value
}

// Error names the field, the reason and the place. It allocates.
func (e *CodecError) Error() string {
	return "decode " + e.Field + ": " + e.Reason.String() + " at byte " + strconv.Itoa(e.Offset)
}
