package codec

import "strconv"

// Reason says why a record was refused or an optional value was left out. String
// returns its label in metrics and its text in dead letters. The zero Reason means
// that nothing is wrong.
type Reason uint8

// The reasons of a DecodeError and of an Omission.
const (
	ReasonRecord       Reason = iota + 1 // a field name without a value
	ReasonMissing                        // no device_id, latitude or longitude
	ReasonDeviceID                       // not 1-64 printable ASCII bytes
	ReasonTooLarge                       // a field's value is longer than Limits.MaxPayload
	ReasonJSON                           // not one well-formed JSON value, or nested too deep
	ReasonText                           // NUL, a lone surrogate or invalid UTF-8; a codec tag that is too long
	ReasonNumber                         // not a number by JSON's grammar, beyond float64, or not an integer where one is needed
	ReasonType                           // a value of the wrong type
	ReasonRange                          // a number that is out of its range
	ReasonTimestamp                      // neither RFC 3339 nor epoch ms
	ReasonTSOutOfRange                   // before Limits.MinTS, too far ahead of arrival, or an arrival after the year 9999
	ReasonAttribute                      // attributes that are not an object, or a tagged value that is not of its kind
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

// String returns the reason's name, as metrics and dead letters have it.
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

// DecodeError says why a record was refused, and where. The one that Decode returns
// belongs to the decoder, whose next call overwrites it. Copy the value to keep it.
type DecodeError struct {
	Reason Reason
	Field  string // the field of the record, with the member if it is JSON: "payload.latitude"
	Offset int    // byte in the field's value
}

// Error returns a text with the field, the reason and the offset.
func (e *DecodeError) Error() string {
	return "decode " + e.Field + ": " + e.Reason.String() + " at byte " + strconv.Itoa(e.Offset)
}
